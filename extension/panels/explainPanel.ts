import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { ExplainState } from '../../schemas/explain.ts';
import { Emitter } from '../client/emitter.ts';
import { ClusterFiles } from './clusterFiles.ts';
import type { ExplainProcess } from './explainProcess.ts';
import { panelHtml } from './html.ts';

/** What the page keeps, so that the panel comes back after a restart. */
export interface ExplainIdentity {
  readonly uri: string;
}

/** How long nobody has to type before it is explained anew, milliseconds. */
const restMs = 300;

/** What one module file means in each failure, beside the file. It follows the text, saved or not. */
export class ExplainPanel {
  readonly onClosed = new Emitter<void>();
  readonly #files: ClusterFiles;
  readonly #registrations: vscode.Disposable[];
  #state: ExplainState;
  #timer: NodeJS.Timeout | null = null;
  /** Raised with each question: an answer to an earlier one does not count. */
  #question = 0;
  #isReady = false;

  constructor(
    private readonly panel: vscode.WebviewPanel,
    private readonly uri: vscode.Uri,
    private readonly process: ExplainProcess,
    extensionUri: vscode.Uri,
  ) {
    const file = basename(uri.path);
    this.#state = { file, explained: null, diagnostics: [], failure: null, revision: 0, isBusy: true };
    this.#files = new ClusterFiles(uri, () => this.#changed());
    panel.iconPath = vscode.Uri.joinPath(extensionUri, 'media/icons/understudy-file.svg');
    panel.webview.options = {
      enableScripts: true,
      localResourceRoots: [vscode.Uri.joinPath(extensionUri, 'dist/media')],
    };
    this.#registrations = [
      this.#files,
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (this.#isAbout(document)) this.#changed();
      }),
      // What was not saved is forgotten with its editor.
      vscode.workspace.onDidCloseTextDocument((document) => {
        if (this.#isAbout(document)) this.#changed();
      }),
      panel.webview.onDidReceiveMessage((message) => this.#receive(message)),
      panel.onDidChangeViewState(() => {
        // A hidden page is unloaded; it says that it is ready when it is shown again.
        if (!panel.visible) this.#isReady = false;
      }),
    ];
    panel.onDidDispose(() => this.#dispose());
    panel.webview.html = panelHtml(panel.webview, extensionUri, 'explainPanel', 'Understudy: a module explained');
    void this.#explain();
  }

  reveal(): void {
    this.panel.reveal(undefined, true);
  }

  #isAbout({ uri }: vscode.TextDocument): boolean {
    return uri.toString() === this.uri.toString() || this.#files.includes(uri);
  }

  #receive(message: unknown): void {
    if (isNotification(message, 'panel.ready')) {
      this.#isReady = true;
      this.#post('panel.identity', { uri: this.uri.toString() });
      this.#send();
    } else if (isNotification(message, 'explain.openFile')) {
      void vscode.window.showTextDocument(this.uri, { viewColumn: vscode.ViewColumn.One });
    }
  }

  #changed(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#explain(), restMs);
    this.#show({ isBusy: true });
  }

  async #explain(): Promise<void> {
    const question = (this.#question += 1);
    const told = await this.#ask();
    // Somebody typed on, or has closed it.
    if (question !== this.#question) return;
    const { explained, diagnostics, failure } = told;
    this.#show({ explained, diagnostics, failure, revision: question, isBusy: false });
  }

  async #ask(): Promise<Pick<ExplainState, 'explained' | 'diagnostics' | 'failure'>> {
    try {
      const document = await vscode.workspace.openTextDocument(this.uri);
      return await this.process.ask({ path: this.uri.path, text: document.getText() }, await this.#files.others());
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      return { explained: null, diagnostics: [], failure: `${this.#state.file} cannot be read: ${failure}` };
    }
  }

  #show(change: Partial<ExplainState>): void {
    this.#state = { ...this.#state, ...change };
    this.#send();
  }

  #send(): void {
    this.#post('explain.state', this.#state);
  }

  #post(method: string, params: object): void {
    if (this.#isReady) void this.panel.webview.postMessage({ jsonrpc: '2.0', method, params });
  }

  #dispose(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#question += 1;
    this.#isReady = false;
    for (const registration of this.#registrations) registration.dispose();
    this.onClosed.emit();
  }
}

function isNotification(message: unknown, method: string): boolean {
  return typeof message === 'object' && message !== null && 'method' in message && message.method === method;
}
