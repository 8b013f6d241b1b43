import * as vscode from 'vscode';

/** The facts that menus and welcome texts depend on. The only place that sets them. */
export function setHasClusters(hasClusters: boolean): void {
  void vscode.commands.executeCommand('setContext', 'understudy.hasClusters', hasClusters);
}

/** Whether a failover has happened while an editor with this extension was looking: the last step of the walkthrough. */
export function setHasSeenFailover(): void {
  void vscode.commands.executeCommand('setContext', 'understudy.hasSeenFailover', true);
}
