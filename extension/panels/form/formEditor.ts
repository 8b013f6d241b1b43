import { basename } from 'node:path';
import * as vscode from 'vscode';
import { parseDocument } from '../../../schemas/document.ts';
import { readFormEdit } from '../../../schemas/form.ts';
import type { FormEdit, FormEdited, FormField, FormRefusalCode, FormState } from '../../../schemas/form.ts';
import { RpcRequest } from '../../../schemas/generated/apiValidators.js';
import type { RpcRequest as Request } from '../../../schemas/generated/api.ts';
import { messageOf } from '../../client/errors.ts';
import { changesOf, staleReason } from '../../model/form/edits.ts';
import { formOf, noNames } from '../../model/form/fields.ts';
import type { FormFileKind, FormNames } from '../../model/form/fields.ts';
import { namesFor, namesIn } from '../../model/form/groupNames.ts';
import { placedProblems } from '../../model/form/problems.ts';
import { ClusterFiles } from '../clusterFiles.ts';
import { panelHtml } from '../html.ts';
import { ownProblems, problemsAcrossFiles } from './formDiagnostics.ts';
import { renameEverywhere } from './formRename.ts';

/** Code units. The agent refuses a longer file, too. */
const longestText = 1024 * 1024;
/** How long a save waits for what is being typed, milliseconds. */
const flushLimitMs = 1000;
/** Same as the agents use for refusals. */
const refusalCode = -32_000;

/** Why an edit was not made. */
class EditRefused extends Error {
  constructor(
    readonly code: FormRefusalCode,
    message: string,
  ) {
    super(message);
  }
}

/** One form of one file. What it shows follows from the document; what is changed in it goes into the document, and comes back from there. */
export class FormEditor {
  readonly #files: ClusterFiles;
  readonly #registrations: vscode.Disposable[];
  readonly #flushes = new Map<number, () => void>();
  #names: FormNames = noNames;
  /** Of the last text that could be read. */
  #root: FormField | null = null;
  #work: Promise<void> = Promise.resolve();
  #due: NodeJS.Timeout | null = null;
  #nextFlush = 1;
  #isReady = false;

  constructor(
    private readonly document: vscode.TextDocument,
    private readonly kind: FormFileKind,
    private readonly panel: vscode.WebviewPanel,
    extensionUri: vscode.Uri,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.#files = new ClusterFiles(document.uri, () => void this.#readNames());
    panel.webview.options = {
      enableScripts: true,
      localResourceRoots: [vscode.Uri.joinPath(extensionUri, 'dist/media')],
    };
    this.#registrations = [
      this.#files,
      vscode.workspace.onDidChangeTextDocument(({ document: changed }) => this.#changed(changed)),
      vscode.workspace.onDidCloseTextDocument((closed) => this.#changed(closed)),
      vscode.languages.onDidChangeDiagnostics(({ uris }) => {
        if (uris.some((uri) => uri.toString() === document.uri.toString())) this.#sendSoon();
      }),
      vscode.workspace.onWillSaveTextDocument((event) => {
        if (event.document === document && this.#isReady) event.waitUntil(this.#flush());
      }),
      panel.webview.onDidReceiveMessage((message) => this.#receive(message)),
      panel.onDidChangeViewState(() => {
        // A hidden page is unloaded; it says that it is ready when it is shown again.
        if (!panel.visible) this.#isReady = false;
      }),
    ];
    panel.onDidDispose(() => this.#dispose());
    panel.webview.html = panelHtml(panel.webview, extensionUri, 'formPanel', 'Understudy: a file as a form');
    void this.#readNames();
  }

  #changed(changed: vscode.TextDocument): void {
    if (changed === this.document) this.#sendSoon();
    else if (this.#files.includes(changed.uri)) void this.#readNames();
  }

  async #readNames(): Promise<void> {
    try {
      this.#names = namesIn(await this.#files.others());
      this.#sendSoon();
    } catch (error) {
      this.log.warn(`the names beside ${this.document.uri.path}: ${messageOf(error)}`);
    }
  }

  #receive(message: unknown): void {
    if (isNotification(message, 'panel.ready')) {
      this.#isReady = true;
      this.#send();
    } else if (isNotification(message, 'form.flushed')) {
      const id = numberIn(message, 'id');
      const done = id === null ? undefined : this.#flushes.get(id);
      if (done !== undefined) void this.#work.then(done);
    } else if (isNotification(message, 'form.openText')) {
      void this.#openText(numberIn(message, 'line'), numberIn(message, 'column'));
    } else if (RpcRequest(message)) {
      const request = message as Request;
      // One after the other: each by the text that the one before has left.
      this.#work = this.#work.then(() => this.#answer(request));
    }
  }

  async #answer({ id, method, params }: Request): Promise<void> {
    if (id === undefined) return;
    const answer = { jsonrpc: '2.0' as const, id };
    try {
      if (method !== 'form.edit') throw new EditRefused('BAD_EDIT', `The form may not call ${method}.`);
      const result = await this.#edit(params);
      this.#send();
      void this.panel.webview.postMessage({ ...answer, result });
    } catch (error) {
      const code: FormRefusalCode = error instanceof EditRefused ? error.code : 'FAILED';
      const reason = messageOf(error);
      if (code === 'FAILED') this.log.warn(`form of ${this.document.uri.path}: ${reason}`);
      this.#send();
      const data = { code, reason };
      void this.panel.webview.postMessage({ ...answer, error: { code: refusalCode, message: reason, data } });
    }
  }

  async #edit(params: unknown): Promise<FormEdited> {
    const request = readFormEdit(params);
    if (request === null) throw new EditRefused('BAD_EDIT', 'This is no change of a field.');
    const { document, kind } = this;
    const locked = this.#locked();
    if (locked !== null) throw new EditRefused('LOCKED', locked);
    const outcome = changesOf({ kind, version: document.version, text: document.getText() }, request);
    if ('refusal' in outcome) throw new EditRefused(outcome.refusal, outcome.reason);
    if (outcome.changes.length > 0) await this.#apply(request.edit, outcome.changes, request.version);
    return { focus: outcome.focus };
  }

  async #apply(
    edit: FormEdit,
    changes: readonly { readonly start: number; readonly end: number; readonly text: string }[],
    version: number,
  ): Promise<void> {
    const { document } = this;
    const everywhere = edit.action === 'rename' ? await renameEverywhere(document, this.kind, edit) : null;
    if (document.version !== version) throw stale();
    const own = new vscode.WorkspaceEdit();
    for (const { start, end, text } of changes) {
      own.replace(document.uri, new vscode.Range(document.positionAt(start), document.positionAt(end)), text);
    }
    const isApplied = await vscode.workspace.applyEdit(everywhere ?? own, { isRefactoring: everywhere !== null });
    if (isApplied) return;
    throw document.version === version
      ? new EditRefused('FAILED', 'The editor did not take the change: the file may be one that cannot be written.')
      : stale();
  }

  async #openText(line: number | null, column: number | null): Promise<void> {
    const position = line === null || column === null ? null : new vscode.Position(line - 1, column - 1);
    const beside = vscode.window.visibleTextEditors.find(({ document }) => document === this.document);
    const viewColumn = beside?.viewColumn ?? this.panel.viewColumn;
    await vscode.commands.executeCommand('vscode.openWith', this.document.uri, 'default', {
      ...(viewColumn !== undefined && { viewColumn }),
      ...(position !== null && { selection: new vscode.Range(position, position) }),
    });
  }

  /** What is being typed goes into the document before it is saved. */
  #flush(): Promise<void> {
    const id = this.#nextFlush++;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(limit);
        this.#flushes.delete(id);
        resolve();
      };
      const limit = setTimeout(done, flushLimitMs);
      this.#flushes.set(id, done);
      this.#post('form.flush', { id });
    });
  }

  /** Why the form as a whole can change nothing; null: it can. */
  #locked(): string | null {
    const { uri } = this.document;
    if (this.document.getText().length > longestText) {
      return 'This file is longer than 1 MiB: that is no configuration file.';
    }
    return vscode.workspace.fs.isWritableFileSystem(uri.scheme) === false ? 'This file cannot be written.' : null;
  }

  #sendSoon(): void {
    this.#due ??= setTimeout(() => this.#send(), 0);
  }

  #send(): void {
    if (this.#due !== null) clearTimeout(this.#due);
    this.#due = null;
    if (this.#isReady) this.#post('form.state', this.#state());
  }

  #state(): FormState {
    const { document, kind } = this;
    const file = basename(document.uri.path);
    const locked = this.#locked();
    const text = document.getText();
    if (text.length > longestText) return { file, version: document.version, root: null, problems: [], locked };
    const parsed = parseDocument(kind, text, file);
    const broken = parsed.diagnostics.find(({ code }) => code === 'syntax') ?? null;
    const source = { kind, text, root: parsed.root };
    // While the text cannot be read the form stays as it was: half a text would make it jump.
    const root = broken !== null && this.#root !== null ? this.#root : formOf(source, namesFor(source, this.#names));
    if (broken === null) this.#root = root;
    const told = [...ownProblems(parsed.diagnostics), ...(broken === null ? problemsAcrossFiles(document.uri) : [])];
    const unreadable = 'The text cannot be read as it is. Nothing can be changed here until it is mended.';
    return {
      file,
      version: document.version,
      root,
      problems: placedProblems(root, told),
      locked: broken === null ? locked : unreadable,
    };
  }

  #post(method: string, params: object): void {
    if (this.#isReady) void this.panel.webview.postMessage({ jsonrpc: '2.0', method, params });
  }

  #dispose(): void {
    if (this.#due !== null) clearTimeout(this.#due);
    this.#isReady = false;
    for (const done of [...this.#flushes.values()]) done();
    for (const registration of this.#registrations) registration.dispose();
  }
}

function stale(): EditRefused {
  return new EditRefused('STALE', staleReason);
}

function isNotification(message: unknown, method: string): boolean {
  return typeof message === 'object' && message !== null && 'method' in message && message.method === method;
}

/** A whole number from 1 in a notification's parameters; null: there is none. */
function numberIn(message: unknown, name: string): number | null {
  if (typeof message !== 'object' || message === null || !('params' in message)) return null;
  const value = (message.params as Readonly<Record<string, unknown>> | null)?.[name];
  return Number.isSafeInteger(value) && Number(value) >= 1 ? Number(value) : null;
}
