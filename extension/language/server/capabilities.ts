import {
  BulkRegistration,
  CodeActionKind,
  DidChangeTextDocumentNotification,
  DidCloseTextDocumentNotification,
  DidOpenTextDocumentNotification,
  FileOperationPatternKind,
  TextDocumentSyncKind,
  WatchKind,
} from 'vscode-languageserver';
import type { ClientCapabilities, FileSystemWatcher, ServerCapabilities } from 'vscode-languageserver';
import type { Client } from './completion/edits.ts';
import { makeExecutableCommand } from './fixes/commands.ts';
import { fixAllKind } from './fixes/fixAll.ts';
import type { EditClient } from './rename.ts';
import { legend } from './semanticTokens.ts';

/** Files that are ours, as a pattern of the protocol. */
const filesPattern = '**/*.{module,cluster}.jsonc';
const everything = '**/*';

/** What the editor is asked to watch over. */
export const watchers: readonly FileSystemWatcher[] = [
  { globPattern: filesPattern },
  // Of a folder that is deleted an editor tells the folder only, none of the files in it.
  { globPattern: everything, kind: WatchKind.Delete },
  // What the files name there is told of when it is missing.
  { globPattern: '**/scripts/**' },
];

/** What the editor is asked to tell of open texts that are in no language of ours: a host may be renamed in them, too. */
export function agentDocuments(): BulkRegistration {
  const documentSelector = [{ scheme: 'file', pattern: '**/agent.jsonc' }];
  const asked = BulkRegistration.create();
  asked.add(DidOpenTextDocumentNotification.type, { documentSelector });
  asked.add(DidChangeTextDocumentNotification.type, { documentSelector, syncKind: TextDocumentSyncKind.Incremental });
  asked.add(DidCloseTextDocumentNotification.type, { documentSelector });
  return asked;
}

/** What this server offers. */
export const capabilities: ServerCapabilities = {
  textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental, save: { includeText: false } },
  completionProvider: { triggerCharacters: ['"', ':', '/', ' '] },
  hoverProvider: true,
  definitionProvider: true,
  referencesProvider: true,
  documentHighlightProvider: true,
  renameProvider: { prepareProvider: true },
  documentSymbolProvider: true,
  workspaceSymbolProvider: true,
  documentLinkProvider: { resolveProvider: false },
  foldingRangeProvider: true,
  selectionRangeProvider: true,
  documentFormattingProvider: true,
  documentRangeFormattingProvider: true,
  semanticTokensProvider: { legend, full: true },
  inlayHintProvider: true,
  codeActionProvider: { codeActionKinds: [CodeActionKind.QuickFix, CodeActionKind.RefactorExtract, fixAllKind] },
  executeCommandProvider: { commands: [makeExecutableCommand] },
  workspace: {
    workspaceFolders: { supported: true, changeNotifications: true },
    fileOperations: {
      didRename: {
        filters: [
          { pattern: { glob: filesPattern, matches: FileOperationPatternKind.file } },
          { pattern: { glob: everything, matches: FileOperationPatternKind.folder } },
        ],
      },
    },
  },
};

/** What the editor can do, as far as it matters here. */
export interface ClientAbilities extends Client, EditClient {
  readonly canWatchFiles: boolean;
  readonly canCreateFiles: boolean;
  /** Whether it tells of open documents of other languages when it is asked to. */
  readonly canTellOfOthers: boolean;
  /** Whether it tells of folders that are opened and closed. */
  readonly hasFolders: boolean;
}

export function abilitiesOf({ textDocument, workspace }: ClientCapabilities): ClientAbilities {
  const { hover, completion, synchronization } = textDocument ?? {};
  const edits = workspace?.workspaceEdit;
  const operations = edits?.resourceOperations ?? [];
  return {
    hasSnippets: completion?.completionItem?.snippetSupport === true,
    // A client that says nothing is one of old, which showed Markdown.
    isPlain: hover?.contentFormat !== undefined && !hover.contentFormat.includes('markdown'),
    hasDocumentChanges: edits?.documentChanges === true,
    canRenameFiles: operations.includes('rename'),
    canCreateFiles: edits?.documentChanges === true && operations.includes('create'),
    canTellOfOthers: synchronization?.dynamicRegistration === true,
    hasFolders: workspace?.workspaceFolders === true,
    canWatchFiles: workspace?.didChangeWatchedFiles?.dynamicRegistration === true,
  };
}
