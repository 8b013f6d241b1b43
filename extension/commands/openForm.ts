import * as vscode from 'vscode';
import { kindOfFile } from '../../schemas/document.ts';
import { formViewType } from '../panels/form/formEditors.ts';
import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { activeFile } from './activeFile.ts';

/** Shows a module or cluster file as a form. @param target the file that it was called on; without, the one in the editor */
export async function openFormCommand(_services: Services, target?: TreeNode | vscode.Uri): Promise<void> {
  await openWith(target, formViewType);
}

/** Shows what is open as a form as text. */
export async function openTextCommand(_services: Services, target?: TreeNode | vscode.Uri): Promise<void> {
  await openWith(target, 'default');
}

async function openWith(target: TreeNode | vscode.Uri | undefined, view: string): Promise<void> {
  const uri = target instanceof vscode.Uri ? target : activeFile();
  const kind = uri === undefined ? null : kindOfFile(uri.path);
  if (uri === undefined || (kind !== 'module' && kind !== 'cluster')) {
    const names = 'NAME.module.jsonc or NAME.cluster.jsonc';
    void vscode.window.showInformationMessage(`Open a module or cluster file first: ${names}.`);
    return;
  }
  await vscode.commands.executeCommand('vscode.openWith', uri, view);
}
