import * as vscode from 'vscode';
import { kindOfFile } from '../../../schemas/document.ts';
import { FormEditor } from './formEditor.ts';

export const formViewType = 'understudy.form';

/** Module and cluster files as forms, beside the text editor: each form is another view of the same document. */
export class FormEditors implements vscode.CustomTextEditorProvider, vscode.Disposable {
  readonly #registration = vscode.window.registerCustomEditorProvider(formViewType, this, {
    supportsMultipleEditorsPerDocument: true,
  });

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** Called by the editor for each form that is opened or comes back after a restart. */
  resolveCustomTextEditor(document: vscode.TextDocument, panel: vscode.WebviewPanel): void {
    const kind = kindOfFile(document.uri.path);
    if (kind !== 'module' && kind !== 'cluster') throw new Error('Only module and cluster files are shown as forms.');
    new FormEditor(document, kind, panel, this.extensionUri, this.log);
  }

  dispose(): void {
    this.#registration.dispose();
  }
}
