import * as vscode from 'vscode';

const section = 'understudy';

/** The clusters of the setting, as written; checked where they are read. */
export function configuredClusters(): unknown {
  return vscode.workspace.getConfiguration(section).get('clusters');
}

/** Calls `listener` when the setting of that name changes. */
export function onSettingChanged(name: 'clusters', listener: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration(`${section}.${name}`)) listener();
  });
}
