import * as vscode from 'vscode';
import { kindOfFile } from '../../schemas/document.ts';
import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { activeFile } from './activeFile.ts';

/** Shows beside a module file what it means in each failure. @param target the file that it was called on; without, the one in the editor */
export function explainModuleCommand({ explainPanels }: Services, target?: TreeNode | vscode.Uri): void {
  const uri = target instanceof vscode.Uri ? target : activeFile();
  if (uri === undefined || kindOfFile(uri.path) !== 'module') {
    void vscode.window.showInformationMessage(
      'Open the module file (NAME.module.jsonc) that is to be explained first.',
    );
    return;
  }
  explainPanels.open(uri);
}
