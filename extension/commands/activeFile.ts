import * as vscode from 'vscode';

/** The file that somebody looks at, as text or as a form; undefined: none. */
export function activeFile(): vscode.Uri | undefined {
  const text = vscode.window.activeTextEditor?.document.uri;
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  return input instanceof vscode.TabInputCustom ? input.uri : text;
}
