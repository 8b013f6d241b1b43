import { createRequire } from 'node:module';
import * as vscode from 'vscode';
import { messageOf } from '../client/errors.ts';
import type * as NewLanguageClient from './newLanguageClient.ts';

/** The languages of module and cluster files. */
export const languages = ['understudy-module', 'understudy-cluster'] as const;

/** Starts the language server, a process of its own, with the first module or cluster file that is opened. */
export function createLanguageClient(
  context: vscode.ExtensionContext,
  log: vscode.LogOutputChannel,
): vscode.Disposable {
  let client: vscode.Disposable | null = null;
  const startFor = (document: vscode.TextDocument): void => {
    if (client !== null || !languages.some((language) => language === document.languageId)) return;
    client = start(context, log);
  };
  const opened = vscode.workspace.onDidOpenTextDocument(startFor);
  // What is open already waits until the extension is active.
  const soon = setImmediate(() => vscode.workspace.textDocuments.forEach(startFor));
  return new vscode.Disposable(() => {
    clearImmediate(soon);
    opened.dispose();
    client?.dispose();
  });
}

/** The client's program is a file of its own: whoever opens no such file does not load it. */
function start(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): vscode.Disposable {
  const load = createRequire(context.asAbsolutePath('dist/extension/extension.cjs'));
  const { newLanguageClient } = load('./languageClient.cjs') as typeof NewLanguageClient;
  const client = newLanguageClient(context, languages);
  client.start().catch((error: unknown) => log.error(`language server: ${messageOf(error)}`));
  return new vscode.Disposable(() => void client.dispose());
}
