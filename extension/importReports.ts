import * as vscode from 'vscode';

const reportScheme = 'understudy-import';
/** Reports that are kept for tabs that are still open. */
const mostReports = 10;

/** Shows the reports of imports as documents that lie nowhere. */
export class ImportReports implements vscode.Disposable {
  readonly #texts = new Map<string, string>();
  readonly #registration: vscode.Disposable;
  #number = 0;

  constructor() {
    this.#registration = vscode.workspace.registerTextDocumentContentProvider(reportScheme, {
      provideTextDocumentContent: ({ query }) =>
        this.#texts.get(query) ?? 'This report is gone. Import the module again to see it.',
    });
  }

  /** @param module its name, the title of the tab @param markdown the report */
  async show(module: string, markdown: string): Promise<void> {
    this.#number += 1;
    const query = String(this.#number);
    this.#texts.set(query, markdown);
    for (const old of [...this.#texts.keys()].slice(0, -mostReports)) this.#texts.delete(old);
    const uri = vscode.Uri.from({ scheme: reportScheme, path: `/Import of ${module}.md`, query });
    try {
      await vscode.commands.executeCommand('markdown.showPreview', uri);
    } catch {
      // The editor's own Markdown extension may be switched off: the text says the same.
      await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri));
    }
  }

  dispose(): void {
    this.#registration.dispose();
  }
}
