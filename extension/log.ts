import * as vscode from 'vscode';

/** The output channel "Understudy". It never comes to the front by itself. */
export function createLog(): vscode.LogOutputChannel {
  return vscode.window.createOutputChannel('Understudy', { log: true });
}
