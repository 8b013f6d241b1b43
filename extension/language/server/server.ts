import { CodeActionKind, TextDocuments, TextDocumentSyncKind } from 'vscode-languageserver';
import type { Connection, InitializeResult } from 'vscode-languageserver';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { kindOfFile } from '../../../schemas/document.ts';
import { completionAt } from './completion.ts';
import { DiagnosticsPublisher } from './diagnostics.ts';
import { hoverAt } from './hover.ts';
import { quickFixes } from './quickFixes.ts';

/**
 * Serves module and cluster files over `connection`, which may be a process's channel or, in tests, a pair of streams.
 * It knows nothing of the editor beyond the protocol.
 */
export function startServer(connection: Connection): void {
  const documents = new TextDocuments(TextDocument);
  const publisher = new DiagnosticsPublisher(connection, documents);

  connection.onInitialize((): InitializeResult => ({
    serverInfo: { name: 'understudy' },
    capabilities: {
      textDocumentSync: TextDocumentSyncKind.Incremental,
      completionProvider: { triggerCharacters: ['"', ':'] },
      hoverProvider: true,
      codeActionProvider: { codeActionKinds: [CodeActionKind.QuickFix] },
    },
  }));
  documents.onDidChangeContent(({ document }) => publisher.changed(document.uri));
  documents.onDidClose(({ document }) => publisher.closed(document.uri));
  connection.onDidChangeWatchedFiles(() => publisher.filesChanged());
  connection.onShutdown(() => publisher.dispose());

  connection.onCompletion(({ textDocument, position }) => {
    const document = documents.get(textDocument.uri);
    const kind = kindOfFile(textDocument.uri);
    return document === undefined || kind === null ? null : completionAt(document, position);
  });
  connection.onHover(({ textDocument, position }) => {
    const document = documents.get(textDocument.uri);
    return document === undefined ? null : hoverAt(document, position);
  });
  connection.onCodeAction(({ textDocument, context }) => quickFixes(textDocument.uri, context.diagnostics));

  documents.listen(connection);
  connection.listen();
}
