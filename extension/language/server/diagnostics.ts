import { fileURLToPath } from 'node:url';
import { DiagnosticSeverity } from 'vscode-languageserver';
import type { Connection, Diagnostic as LspDiagnostic, TextDocuments } from 'vscode-languageserver';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import { crossChecks } from '../../../schemas/crossChecks.ts';
import type { Diagnostic } from '../../../schemas/diagnostic.ts';
import type { AnyDocument } from '../../../schemas/document.ts';
import { groupFolderOf, parse, readGroup } from './fileGroup.ts';
import type { FixData } from './quickFixes.ts';

/** Milliseconds of quiet after a key press before files are checked. */
const debounce = 150;

/** Checks open files, together with those they belong to, and publishes what is wrong. */
export class DiagnosticsPublisher {
  readonly #connection: Connection;
  readonly #documents: TextDocuments<TextDocument>;
  /** Parsed open documents, one parse a version. */
  readonly #parsed = new Map<string, { readonly version: number; readonly document: AnyDocument }>();
  readonly #due = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  #checking: Promise<void> = Promise.resolve();

  constructor(connection: Connection, documents: TextDocuments<TextDocument>) {
    this.#connection = connection;
    this.#documents = documents;
  }

  /** A document was opened or edited. */
  changed(uri: string): void {
    this.#due.add(groupFolderOf(pathOf(uri)));
    this.#schedule();
  }

  closed(uri: string): void {
    this.#parsed.delete(uri);
    void this.#connection.sendDiagnostics({ uri, diagnostics: [] });
    this.changed(uri);
  }

  /** Files changed on disk: whoever is open may be affected. */
  filesChanged(): void {
    for (const { uri } of this.#documents.all()) this.#due.add(groupFolderOf(pathOf(uri)));
    this.#schedule();
  }

  dispose(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#due.clear();
  }

  #schedule(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      // One round after the other: the newest state is published last.
      this.#checking = this.#checking
        .then(() => this.#check())
        // The next round is tried all the same.
        .catch((error: unknown) => this.#connection.console.error(`check: ${String(error)}`));
    }, debounce);
  }

  async #check(): Promise<void> {
    const folders = [...this.#due];
    this.#due.clear();
    const open = this.#openDocuments();
    for (const folder of folders) {
      const group = await readGroup(folder, open);
      const across = crossChecks(group);
      for (const textDocument of this.#documents.all()) {
        const path = pathOf(textDocument.uri);
        const document = open.get(path);
        // Edited meanwhile: its next round is due already, and these places no longer fit.
        if (document === undefined || document.text !== textDocument.getText() || groupFolderOf(path) !== folder) {
          continue;
        }
        const own = across.filter((diagnostic) => diagnostic.file === path);
        void this.#connection.sendDiagnostics({
          uri: textDocument.uri,
          version: textDocument.version,
          diagnostics: [...document.diagnostics, ...own].map((diagnostic) => convert(textDocument, diagnostic)),
        });
      }
    }
  }

  #openDocuments(): Map<string, AnyDocument> {
    const open = new Map<string, AnyDocument>();
    for (const { uri, version } of this.#documents.all()) {
      let known = this.#parsed.get(uri);
      if (known?.version !== version) {
        const document = parse(pathOf(uri), this.#documents.get(uri)?.getText() ?? '');
        if (document === null) continue;
        known = { version, document };
        this.#parsed.set(uri, known);
      }
      open.set(pathOf(uri), known.document);
    }
    return open;
  }
}

function convert(document: TextDocument, diagnostic: Diagnostic): LspDiagnostic {
  const hint = diagnostic.suggestion === null ? '' : `; did you mean ${JSON.stringify(diagnostic.suggestion)}?`;
  const path = diagnostic.path === '' ? '' : `${diagnostic.path}: `;
  const data: FixData | undefined = diagnostic.suggestion === null ? undefined : { suggestion: diagnostic.suggestion };
  return {
    range: { start: document.positionAt(diagnostic.start), end: document.positionAt(diagnostic.end) },
    severity: diagnostic.severity === 'error' ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning,
    source: 'understudy',
    code: diagnostic.code,
    message: `${path}${diagnostic.message}${hint}`,
    ...(data === undefined ? {} : { data }),
  };
}

/** A document that is in no file yet is checked by itself, under its name. */
function pathOf(uri: string): string {
  return uri.startsWith('file:') ? fileURLToPath(uri) : decodeURIComponent(uri);
}
