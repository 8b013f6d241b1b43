import type * as vscode from 'vscode';
import { LanguageClient, RevealOutputChannelOn, TransportKind } from 'vscode-languageclient/node';
import type { LanguageClientOptions, ServerOptions } from 'vscode-languageclient/node';

/** As the command line starts it: MiB for each half of the space for what is new. */
const optionsOfNode = ['--max-semi-space-size=8'];

/** The client of the bundled language server, which starts that as a process of its own. */
export function newLanguageClient(context: vscode.ExtensionContext, languages: readonly string[]): LanguageClient {
  const module = context.asAbsolutePath('dist/extension/languageServer.cjs');
  const server: ServerOptions = {
    run: { module, transport: TransportKind.ipc, options: { execArgv: optionsOfNode } },
    debug: {
      module,
      transport: TransportKind.ipc,
      options: { execArgv: [...optionsOfNode, '--nolazy', '--inspect=6009'] },
    },
  };
  const options: LanguageClientOptions = {
    documentSelector: languages.map((language) => ({ language })),
    outputChannelName: 'Understudy Language Server',
    revealOutputChannelOn: RevealOutputChannelOn.Never,
  };
  return new LanguageClient('understudy.languageServer', 'Understudy Language Server', server, options);
}
