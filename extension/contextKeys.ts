import * as vscode from 'vscode';

/** The facts that menus and welcome texts depend on. The only place that sets them. */
export function setHasClusters(hasClusters: boolean): void {
  void vscode.commands.executeCommand('setContext', 'understudy.hasClusters', hasClusters);
}
