/** A client of the real language server, joined by two streams as an editor's process would be. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { createConnection } from 'vscode-languageserver/node';
import {
  createProtocolConnection,
  DidChangeTextDocumentNotification,
  DidChangeWatchedFilesNotification,
  DidCloseTextDocumentNotification,
  DidOpenTextDocumentNotification,
  DidSaveTextDocumentNotification,
  FileChangeType,
  InitializedNotification,
  InitializeRequest,
  PublishDiagnosticsNotification,
  RegistrationRequest,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver-protocol/node';
import type {
  ClientCapabilities,
  InitializeResult,
  Position,
  ProtocolConnection,
  PublishDiagnosticsParams,
  Registration,
  TextEdit,
} from 'vscode-languageserver-protocol/node';
import { explanationsIn } from '../../extension/language/server/explanations.ts';
import { startServer } from '../../extension/language/server/server.ts';

export const validCluster = `{
  "name": "site",
  "networks": { "lan": {} },
  "hosts": { "alpha": { "lan": "10.77.0.1" }, "beta": { "lan": "10.77.0.2" }, "gamma": { "lan": "10.77.0.3" } },
  "arbiter": { "witness": "gamma" }
}
`;

export const validModule = `{
  // a comment, and a comma at the end, are fine
  "name": "web",
  "hosts": ["alpha", "beta"],
  "mirror": { "directories": ["/srv/vm/web"] },
  "server": { "qemu": { "memory": "512MiB", "disks": [{ "file": "disk.raw" }] } }
}
`;

/** What an editor such as VS Code can do. */
export const fullCapabilities: ClientCapabilities = {
  textDocument: {
    synchronization: { dynamicRegistration: true },
    completion: { completionItem: { snippetSupport: true } },
    hover: { contentFormat: ['markdown', 'plaintext'] },
  },
  workspace: {
    workspaceFolders: true,
    workspaceEdit: { documentChanges: true, resourceOperations: ['create', 'rename', 'delete'] },
  },
};

interface Options {
  readonly capabilities?: ClientCapabilities;
  /** Files that are there before the server starts, by their names. */
  readonly files?: Readonly<Record<string, string>>;
  /** Whether the folder is open in the editor. Default: it is. */
  readonly opensFolder?: boolean;
}

export class LanguageClient {
  readonly folder: string;
  readonly connection: ProtocolConnection;
  readonly result: InitializeResult;
  /** What the server has asked the editor for, such as watching over files. */
  readonly registered: Registration[] = [];
  /** Everything that was published, in its order. */
  readonly published: PublishDiagnosticsParams[];
  readonly #waiting = new Set<() => void>();

  private constructor(folder: string, connection: ProtocolConnection, result: InitializeResult) {
    this.folder = folder;
    this.connection = connection;
    this.result = result;
    this.published = [];
  }

  /** Starts a server on a folder of its own. */
  static async start({ capabilities = fullCapabilities, files = {}, opensFolder = true }: Options = {}) {
    const folder = await mkdtemp(join(tmpdir(), 'understudy-language-'));
    await mkdir(join(folder, 'modules'));
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
    const [toServer, toClient] = [new PassThrough(), new PassThrough()];
    const explanations =
      explanationsIn(join(import.meta.dirname, '../../docs/diagnostics.md')) ?? new Map<string, string>();
    startServer(createConnection(new StreamMessageReader(toServer), new StreamMessageWriter(toClient)), explanations);
    const connection = createProtocolConnection(new StreamMessageReader(toClient), new StreamMessageWriter(toServer));
    const early: PublishDiagnosticsParams[] = [];
    let listener = (params: PublishDiagnosticsParams): void => void early.push(params);
    connection.onNotification(PublishDiagnosticsNotification.type, (params) => listener(params));
    connection.listen();
    const workspaceFolders = opensFolder ? [{ uri: pathToFileURL(folder).toString(), name: 'site' }] : null;
    const params = { processId: null, rootUri: null, capabilities, workspaceFolders };
    const result = await connection.sendRequest(InitializeRequest.type, params);
    const client = new LanguageClient(folder, connection, result);
    connection.onRequest(
      RegistrationRequest.type,
      ({ registrations }) => void client.registered.push(...registrations),
    );
    await connection.sendNotification(InitializedNotification.type, {});
    listener = (published) => client.#take(published);
    early.forEach(listener);
    return client;
  }

  async stop(): Promise<void> {
    this.connection.dispose();
    await rm(this.folder, { recursive: true, force: true });
  }

  uriOf(name: string): string {
    return pathToFileURL(join(this.folder, name)).toString();
  }

  /** The document of a request. */
  textDocument(name: string): { textDocument: { uri: string } } {
    return { textDocument: { uri: this.uriOf(name) } };
  }

  open(name: string, text: string): void {
    const languageId = name.endsWith('.module.jsonc') ? 'understudy-module' : 'understudy-cluster';
    void this.connection.sendNotification(DidOpenTextDocumentNotification.type, {
      textDocument: { uri: this.uriOf(name), languageId, version: 1, text },
    });
  }

  change(name: string, version: number, text: string): void {
    void this.connection.sendNotification(DidChangeTextDocumentNotification.type, {
      textDocument: { uri: this.uriOf(name), version },
      contentChanges: [{ text }],
    });
  }

  close(name: string): void {
    void this.connection.sendNotification(DidCloseTextDocumentNotification.type, this.textDocument(name));
  }

  save(name: string): void {
    void this.connection.sendNotification(DidSaveTextDocumentNotification.type, this.textDocument(name));
  }

  /** Writes a file, and tells of it as an editor does that watches files. */
  async write(name: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.folder, name)), { recursive: true });
    await writeFile(join(this.folder, name), text);
    this.changedOnDisk(name, FileChangeType.Changed);
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.folder, name));
    this.changedOnDisk(name, FileChangeType.Deleted);
  }

  changedOnDisk(name: string, type: FileChangeType): void {
    void this.connection.sendNotification(DidChangeWatchedFilesNotification.type, {
      changes: [{ uri: this.uriOf(name), type }],
    });
  }

  /** Opens a file whose text has a "|" where the cursor is; returns the place, for a request. */
  openAt(name: string, marked: string): { textDocument: { uri: string }; position: Position } {
    const offset = marked.indexOf('|');
    this.open(name, marked.slice(0, offset) + marked.slice(offset + 1));
    return { ...this.textDocument(name), position: positionIn(marked, offset) };
  }

  /** The diagnostics of a version of an open file, once they are published. */
  diagnosticsOf(name: string, version = 1): Promise<PublishDiagnosticsParams['diagnostics']> {
    return this.publishedOf(name, (params) => params.version === version);
  }

  /** The last diagnostics of a file that are as they are wanted, once there are any. */
  publishedOf(
    name: string,
    isWanted: (params: PublishDiagnosticsParams) => boolean,
  ): Promise<PublishDiagnosticsParams['diagnostics']> {
    return new Promise((resolve) => {
      const check = (): void => {
        const found = this.published.findLast((params) => params.uri === this.uriOf(name) && isWanted(params));
        if (found === undefined) return;
        this.#waiting.delete(check);
        resolve(found.diagnostics);
      };
      this.#waiting.add(check);
      check();
    });
  }

  #take(params: PublishDiagnosticsParams): void {
    this.published.push(params);
    for (const check of [...this.#waiting]) check();
  }
}

/** The protocol's place of an offset. */
export function positionIn(text: string, offset: number): Position {
  const lines = text.slice(0, offset).split(/\r\n|\r|\n/);
  return { line: lines.length - 1, character: lines.at(-1)?.length ?? 0 };
}

/** A text after edits, which must not overlap. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  const offsetOf = ({ line, character }: Position): number => {
    const starts = [0, ...Array.from(text.matchAll(/\r\n|\r|\n/g), (match) => match.index + match[0].length)];
    return (starts[line] ?? text.length) + character;
  };
  let result = text;
  const placed = edits.map((edit) => ({ start: offsetOf(edit.range.start), end: offsetOf(edit.range.end), edit }));
  for (const { start, end, edit } of placed.sort((a, b) => b.start - a.start || b.end - a.end)) {
    result = result.slice(0, start) + edit.newText + result.slice(end);
  }
  return result;
}

/** The text that a place or range of a file covers. */
export function textIn(text: string, range: { readonly start: Position; readonly end: Position }): string {
  const lines = text.split('\n');
  const at = ({ line, character }: Position): number =>
    lines.slice(0, line).reduce((sum, each) => sum + each.length + 1, 0) + character;
  return text.slice(at(range.start), at(range.end));
}
