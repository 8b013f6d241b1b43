import {
  DidChangeWatchedFilesNotification,
  MessageType,
  ShowMessageNotification,
  TextDocuments,
} from 'vscode-languageserver';
import type {
  Connection,
  InitializeParams,
  InitializeResult,
  Position,
  WorkspaceFoldersChangeEvent,
} from 'vscode-languageserver';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { abilitiesOf, agentDocuments, capabilities, watchers } from './capabilities.ts';
import type { ClientAbilities } from './capabilities.ts';
import { completionAt } from './completion/completion.ts';
import { DiagnosticsPublisher } from './diagnostics.ts';
import type { Explanations } from './explanations.ts';
import { codeActionsFor } from './fixes/codeActions.ts';
import { runCommand } from './fixes/commands.ts';
import { foldingRangesOf } from './folding.ts';
import { formattingOf } from './formatting.ts';
import { hoverAt } from './hover.ts';
import { inlayHintsOf } from './inlayHints.ts';
import { linksOf } from './links.ts';
import { agentFilesOf } from './model/agentFiles.ts';
import { FileFacts } from './model/fileFacts.ts';
import { offsetOf } from './model/positions.ts';
import { groupFolderOf, kindOfUri, pathOf } from './model/sourceFile.ts';
import type { SourceFile } from './model/sourceFile.ts';
import { Workspace } from './model/workspace.ts';
import { definitionAt, highlightsAt, referencesAt } from './references.ts';
import { isHostAt, prepareRenameAt, renameAt } from './rename.ts';
import { selectionRangeAt } from './selection.ts';
import { semanticTokensOf } from './semanticTokens.ts';
import { symbolsOf, workspaceSymbols } from './symbols.ts';

/** Milliseconds that an answer waits for files that are still being read; then it is given by what is known. */
const longestWait = 1000;

/** What a request is about. */
interface Asked {
  readonly file: SourceFile;
  /** All files of its cluster, itself too. */
  readonly group: readonly SourceFile[];
}

/**
 * Serves module and cluster files over `connection`, which may be a process's channel or, in tests, a pair of streams.
 * It knows nothing of the editor beyond the protocol.
 */
export function startServer(connection: Connection, explanations: Explanations): void {
  const documents = new TextDocuments(TextDocument);
  const facts = new FileFacts();
  const workspace = new Workspace(
    (folder) => publisher.changed(folder),
    (error) => connection.console.error(`files: ${String(error)}`),
  );
  const publisher = new DiagnosticsPublisher(connection, workspace, facts, explanations);
  let client: ClientAbilities = abilitiesOf({});

  connection.onInitialize((params): InitializeResult => {
    client = abilitiesOf(params.capabilities);
    for (const folder of foldersOf(params)) workspace.addRoot(folder);
    return { serverInfo: { name: 'understudy' }, capabilities };
  });
  connection.onInitialized(() => {
    if (client.hasFolders) connection.workspace.onDidChangeWorkspaceFolders(foldersChanged);
    if (client.canWatchFiles) {
      connection.client
        .register(DidChangeWatchedFilesNotification.type, { watchers: [...watchers] })
        .catch((error: unknown) => connection.console.error(`watching files: ${String(error)}`));
    }
    if (client.canTellOfOthers) {
      connection.client
        .register(agentDocuments())
        .catch((error: unknown) => connection.console.error(`files of agents: ${String(error)}`));
    }
  });
  const foldersChanged = ({ removed, added }: WorkspaceFoldersChangeEvent): void => {
    for (const { uri } of removed) if (uri.startsWith('file:')) workspace.removeRoot(pathOf(uri));
    for (const { uri } of added) if (uri.startsWith('file:')) workspace.addRoot(pathOf(uri));
  };
  connection.workspace.onDidRenameFiles(({ files }) => {
    for (const { oldUri, newUri } of files) {
      for (const uri of [oldUri, newUri]) workspace.changedOnDisk(uri);
      if (kindOfUri(newUri) === null) workspace.folderCame(newUri);
    }
  });
  documents.onDidChangeContent(({ document }) => workspace.opened(document));
  documents.onDidClose(({ document }) => workspace.closed(document.uri));
  documents.onDidSave(({ document }) => publisher.filesMayHaveChanged(groupFolderOf(pathOf(document.uri))));
  connection.onDidChangeWatchedFiles(({ changes }) => {
    for (const { uri } of changes) workspace.changedOnDisk(uri);
    for (const folder of workspace.folders) publisher.filesMayHaveChanged(folder);
  });
  connection.onShutdown(() => publisher.dispose());

  /** Answers with null for what is no file of ours. */
  const about =
    <Params extends { readonly textDocument: { readonly uri: string } }, Result>(
      answer: (asked: Asked, params: Params) => Result,
    ) =>
    (params: Params): Result | null => {
      const file = workspace.fileOf(params.textDocument.uri);
      return file === null ? null : answer({ file, group: workspace.groupOf(file) }, params);
    };
  /** As `about`, when all files of the cluster have been read. */
  const aboutAll = <Params extends { readonly textDocument: { readonly uri: string } }, Result>(
    answer: (asked: Asked, params: Params) => Result | Promise<Result>,
  ): ((params: Params) => Promise<Result | null>) => {
    const now = about(answer);
    return async (params) => {
      await workspace.settledWithin(longestWait);
      return now(params);
    };
  };
  const offsetIn = ({ document }: SourceFile, position: Position): number => offsetOf(document, position);

  connection.onCompletion(
    aboutAll(({ file, group }, { position }) => completionAt(file, group, offsetIn(file, position), client)),
  );
  connection.onHover(
    aboutAll(({ file, group }, { position }) => hoverAt(file, group, offsetIn(file, position), client.isPlain)),
  );
  connection.onDefinition(
    aboutAll(({ file, group }, { position }) => definitionAt(file, group, offsetIn(file, position), facts)),
  );
  connection.onReferences(
    aboutAll(({ file, group }, { position, context }) =>
      referencesAt(file, group, offsetIn(file, position), context.includeDeclaration),
    ),
  );
  connection.onDocumentHighlight(about(({ file }, { position }) => highlightsAt(file, offsetIn(file, position))));
  connection.onPrepareRename(
    aboutAll(({ file, group }, { position }) => prepareRenameAt(file, group, offsetIn(file, position))),
  );
  connection.onRenameRequest(
    aboutAll(async ({ file, group }, { position, newName }) => {
      const offset = offsetIn(file, position);
      // Of one that may be open without being told of the places would not be known.
      const agents = client.canTellOfOthers && file.uri.startsWith('file:') && isHostAt(file, offset);
      const own = agents ? await agentFilesOf(groupFolderOf(file.path), (uri) => documents.get(uri)) : [];
      return renameAt(file, group, own, offset, newName, client, facts);
    }),
  );
  connection.onDocumentSymbol(about(({ file }) => symbolsOf(file)));
  connection.onWorkspaceSymbol(async ({ query }) => {
    await workspace.settledWithin(longestWait);
    return workspaceSymbols(workspace.all, query);
  });
  connection.onDocumentLinks(about(({ file }) => linksOf(file, facts)));
  connection.onFoldingRanges(about(({ file }) => foldingRangesOf(file)));
  connection.onSelectionRanges(
    about(({ file }, { positions }) => positions.map((position) => selectionRangeAt(file, offsetIn(file, position)))),
  );
  connection.onDocumentFormatting(about(({ file }, { options }) => formattingOf(file, options, null)));
  connection.onDocumentRangeFormatting(about(({ file }, { options, range }) => formattingOf(file, options, range)));
  connection.languages.semanticTokens.on(
    (params) => about(({ file }) => semanticTokensOf(file))(params) ?? { data: [] },
  );
  connection.languages.inlayHint.on(about(({ file }, { range }) => inlayHintsOf(file, range)));
  connection.onCodeAction(
    aboutAll(({ file, group }, { range, context }) =>
      codeActionsFor(
        { file, group, diagnosticsOf: (each) => publisher.of(each), client, explanations },
        range,
        context,
      ),
    ),
  );

  connection.onExecuteCommand(async ({ command, arguments: args = [] }) => {
    const problem = await runCommand(command, args as readonly unknown[], workspace.all);
    if (problem !== null) {
      const message = `Understudy: ${problem}`;
      void connection.sendNotification(ShowMessageNotification.type, { type: MessageType.Warning, message });
    }
    for (const folder of workspace.folders) publisher.filesMayHaveChanged(folder);
    return null;
  });

  documents.listen(connection);
  connection.listen();
}

/** The folders that are open in the editor, by their paths. Those that are on no disk are not looked into. */
function foldersOf({ workspaceFolders, rootUri }: InitializeParams & { readonly rootUri?: string | null }): string[] {
  const uris = workspaceFolders?.map(({ uri }) => uri) ?? (typeof rootUri === 'string' ? [rootUri] : []);
  return uris.filter((uri) => uri.startsWith('file:')).map(pathOf);
}
