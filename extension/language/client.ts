import * as vscode from 'vscode';
import { LanguageClient, RevealOutputChannelOn, TransportKind } from 'vscode-languageclient/node';
import type { LanguageClientOptions, ServerOptions } from 'vscode-languageclient/node';

/** The languages of module and cluster files. */
export const languages = ['understudy-module', 'understudy-cluster'] as const;

/** Starts the language server, a process of its own, with the first module or cluster file that is opened. */
export function createLanguageClient(
  context: vscode.ExtensionContext,
  log: vscode.LogOutputChannel,
): vscode.Disposable {
  let client: LanguageClient | null = null;
  const startFor = (document: vscode.TextDocument): void => {
    if (client !== null || !languages.some((language) => language === document.languageId)) return;
    client = newClient(context);
    client.start().catch((error: unknown) => log.error(`language server: ${String(error)}`));
  };
  const opened = vscode.workspace.onDidOpenTextDocument(startFor);
  vscode.workspace.textDocuments.forEach(startFor);
  return new vscode.Disposable(() => {
    opened.dispose();
    void client?.dispose();
  });
}

function newClient(context: vscode.ExtensionContext): LanguageClient {
  const module = context.asAbsolutePath('dist/extension/languageServer.cjs');
  const server: ServerOptions = {
    run: { module, transport: TransportKind.ipc },
    debug: { module, transport: TransportKind.ipc, options: { execArgv: ['--nolazy', '--inspect=6009'] } },
  };
  const options: LanguageClientOptions = {
    documentSelector: languages.map((language) => ({ language })),
    outputChannelName: 'Understudy Language Server',
    revealOutputChannelOn: RevealOutputChannelOn.Never,
  };
  return new LanguageClient('understudy.languageServer', 'Understudy Language Server', server, options);
}
