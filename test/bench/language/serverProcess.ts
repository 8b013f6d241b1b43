import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import {
  ConfigurationRequest,
  createProtocolConnection,
  DidChangeTextDocumentNotification,
  DidOpenTextDocumentNotification,
  ExitNotification,
  InitializedNotification,
  InitializeRequest,
  PublishDiagnosticsNotification,
  RegistrationRequest,
  ShutdownRequest,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver-protocol/node';
import type {
  ClientCapabilities,
  ProtocolConnection,
  PublishDiagnosticsParams,
  TextDocumentContentChangeEvent,
} from 'vscode-languageserver-protocol/node';

/** What was published of a file, and when, by `performance.now()`. */
export interface Publication extends PublishDiagnosticsParams {
  readonly atMs: number;
}

/** As VS Code tells it to both. */
const capabilities: ClientCapabilities = {
  textDocument: {
    publishDiagnostics: { versionSupport: true, relatedInformation: true },
    synchronization: { didSave: true },
  },
  workspace: {
    configuration: true,
    workspaceFolders: true,
    didChangeWatchedFiles: { dynamicRegistration: true },
  },
};

/** Nobody waits longer for anything, milliseconds. */
const patience = 120_000;

export interface ServerOptions {
  readonly command: readonly string[];
  /** The folder that is open in the editor, an absolute path. */
  readonly folder: string;
  readonly languageId: string;
  /** Answers what the server asks of its settings. */
  readonly settings: (section: string) => unknown;
  /** Ends the process. */
  readonly signal: AbortSignal;
}

/** A language server in a process of its own, and what it has published. */
export class ServerProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #connection: ProtocolConnection;
  readonly #options: ServerOptions;
  readonly #last = new Map<string, Publication>();
  readonly #waiting = new Set<() => void>();
  #failure: Error | null = null;

  /** Starts the process. */
  constructor(options: ServerOptions) {
    this.#options = options;
    const [program = '', ...args] = options.command;
    const { folder: cwd, signal } = options;
    this.#child = spawn(program, args, { cwd, signal, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.once('error', (error) => this.#fail(error));
    this.#child.once('exit', (code) => this.#fail(new Error(`${program} ended with code ${String(code)}`)));
    this.#connection = createProtocolConnection(
      new StreamMessageReader(this.#child.stdout),
      new StreamMessageWriter(this.#child.stdin),
    );
    this.#connection.onError(([error]) => this.#fail(error));
    this.#connection.onNotification(PublishDiagnosticsNotification.type, (params) => {
      this.#last.set(params.uri, { ...params, atMs: performance.now() });
      this.#tell();
    });
    this.#connection.onRequest(ConfigurationRequest.type, ({ items }) =>
      items.map(({ section = '' }) => options.settings(section)),
    );
    this.#connection.onRequest(RegistrationRequest.type, () => undefined);
    this.#connection.listen();
  }

  /** Resolves when it is ready to be told of documents. */
  async initialize(): Promise<void> {
    const uri = pathToFileURL(this.#options.folder).toString();
    const workspaceFolders = [{ uri, name: 'site' }];
    const params = { processId: process.pid, rootUri: uri, capabilities, workspaceFolders };
    await this.#connection.sendRequest(InitializeRequest.type, params);
    await this.#connection.sendNotification(InitializedNotification.type, {});
  }

  async open(uri: string, text: string): Promise<void> {
    const { languageId } = this.#options;
    const textDocument = { uri, languageId, version: 1, text };
    await this.#connection.sendNotification(DidOpenTextDocumentNotification.type, { textDocument });
  }

  async change(uri: string, version: number, change: TextDocumentContentChangeEvent): Promise<void> {
    const params = { textDocument: { uri, version }, contentChanges: [change] };
    await this.#connection.sendNotification(DidChangeTextDocumentNotification.type, params);
  }

  /** What was published of a file last. */
  last(uri: string): Publication | undefined {
    return this.#last.get(uri);
  }

  /** What is published of a file last, once it is as it is wanted. */
  published(uri: string, isWanted: (publication: Publication) => boolean): Promise<Publication> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        act();
      };
      const look = (): void => {
        const found = this.#last.get(uri);
        const failure = this.#failure;
        if (found !== undefined && isWanted(found)) settle(() => resolve(found));
        else if (failure !== null) settle(() => reject(failure));
      };
      const silent = new Error(`no diagnostics of ${uri} within ${patience / 1000} s`);
      const timer = setTimeout(() => settle(() => reject(silent)), patience);
      this.#waiting.add(look);
      look();
    });
  }

  /** What its process has in memory, MiB. */
  rssMiB(): number {
    const status = readFileSync(`/proc/${String(this.#child.pid)}/status`, 'latin1');
    return Number(/^VmRSS:\s+([0-9]+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1024;
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    await this.#connection.sendRequest(ShutdownRequest.type);
    await this.#connection.sendNotification(ExitNotification.type);
    await ended;
    this.#connection.dispose();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#tell();
  }

  #tell(): void {
    for (const look of [...this.#waiting]) look();
  }
}
