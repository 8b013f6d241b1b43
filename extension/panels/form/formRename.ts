import * as vscode from 'vscode';
import type { FormEdit } from '../../../schemas/form.ts';
import { locate, parseText } from '../../../schemas/jsonText.ts';
import { nameAt } from '../../../schemas/names.ts';
import type { FormFileKind } from '../../model/form/fields.ts';

/**
 * The change of all files that name a host or a network that is defined here, as the language server makes it; null: the name is of
 * this file alone, or nobody makes it.
 * @throws with the reason why the name cannot be that
 */
export async function renameEverywhere(
  document: vscode.TextDocument,
  kind: FormFileKind,
  { path, text }: FormEdit,
): Promise<vscode.WorkspaceEdit | null> {
  if (nameAt(kind, path, 'key')?.isDefinition !== true) return null;
  const { root } = parseText(document.getText());
  const key = root === null ? null : locate(root, path).key;
  if (key === null) return null;
  const edit = await vscode.commands.executeCommand<vscode.WorkspaceEdit | undefined>(
    'vscode.executeDocumentRenameProvider',
    document.uri,
    document.positionAt(key.offset + 1),
    text.trim(),
  );
  return edit === undefined || edit.size === 0 ? null : edit;
}
