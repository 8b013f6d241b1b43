import { basename } from 'node:path';
import * as vscode from 'vscode';
import { kindOfFile } from '../../schemas/document.ts';
import { ExplainPanel, type ExplainIdentity } from './explainPanel.ts';
import { ExplainProcess } from './explainProcess.ts';

export const explainPanelType = 'understudy.explain';

/** The open previews of what modules do: one for each file at most. They come back after a restart of the editor. */
export class ExplainPanels implements vscode.WebviewPanelSerializer, vscode.Disposable {
  readonly #open = new Map<string, { readonly panel: ExplainPanel; readonly view: vscode.WebviewPanel }>();
  readonly #serializer = vscode.window.registerWebviewPanelSerializer(explainPanelType, this);
  readonly #process: ExplainProcess;

  constructor(
    private readonly extensionUri: vscode.Uri,
    log: vscode.LogOutputChannel,
  ) {
    const program = vscode.Uri.joinPath(extensionUri, 'dist/explain/explain.mjs').fsPath;
    this.#process = new ExplainProcess(program, (line) => log.info(line));
  }

  /** Beside the file. */
  open(uri: vscode.Uri): void {
    const present = this.#open.get(uri.toString());
    if (present !== undefined) {
      present.panel.reveal();
      return;
    }
    const column = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    this.#show(vscode.window.createWebviewPanel(explainPanelType, titleOf(uri), column), uri);
  }

  /** Called by the editor for a panel that was open when it was closed. */
  deserializeWebviewPanel(view: vscode.WebviewPanel, state: unknown): Promise<void> {
    const uri = isIdentity(state) ? vscode.Uri.parse(state.uri) : null;
    const present = uri === null ? undefined : this.#open.get(uri.toString());
    if (uri !== null && kindOfFile(uri.path) === 'module' && present === undefined) this.#show(view, uri);
    else {
      view.dispose();
      present?.panel.reveal();
    }
    return Promise.resolve();
  }

  dispose(): void {
    this.#serializer.dispose();
    for (const { view } of this.#open.values()) view.dispose();
    this.#process.dispose();
  }

  #show(view: vscode.WebviewPanel, uri: vscode.Uri): void {
    const key = uri.toString();
    const panel = new ExplainPanel(view, uri, this.#process, this.extensionUri);
    this.#open.set(key, { panel, view });
    panel.onClosed.on(() => {
      this.#open.delete(key);
      // A process of its own is kept for those that look at it.
      if (this.#open.size === 0) this.#process.dispose();
    });
  }
}

function titleOf(uri: vscode.Uri): string {
  return `Explain ${basename(uri.path, '.module.jsonc')}`;
}

function isIdentity(state: unknown): state is ExplainIdentity {
  return typeof state === 'object' && state !== null && 'uri' in state && typeof state.uri === 'string';
}
