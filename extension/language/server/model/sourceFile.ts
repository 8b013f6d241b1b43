import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import { unreadable } from '../../../../schemas/diagnostic.ts';
import { kindOfFile, parseDocument } from '../../../../schemas/document.ts';
import type { AnyDocument } from '../../../../schemas/document.ts';
import { LineIndex } from '../../../../schemas/jsonText.ts';

/** Folder beside the cluster file that holds the module files. */
export const modulesFolder = 'modules';

/** Bytes. The agent refuses a longer file, too. */
export const longestFile = 1024 * 1024;

/** A module or cluster file as it is now: as it is open in the editor, or as it is on the disk. */
export class SourceFile {
  readonly uri: string;
  /** The name that diagnostics carry. */
  readonly path: string;
  readonly kind: 'module' | 'cluster';
  /** Of the open document; null: it is not open. */
  readonly version: number | null;
  /** Null: it could not be read, for this reason. */
  readonly #text: string | null;
  readonly #reason: string;
  #document: AnyDocument | null = null;

  constructor(
    where: { readonly uri: string; readonly path: string; readonly kind: 'module' | 'cluster' },
    version: number | null,
    read: { readonly text: string } | { readonly reason: string },
  ) {
    this.uri = where.uri;
    this.path = where.path;
    this.kind = where.kind;
    this.version = version;
    this.#text = 'text' in read ? read.text : null;
    this.#reason = 'text' in read ? `${where.path} is longer than 1 MiB: this is no configuration file` : read.reason;
  }

  /**
   * Parsed when somebody needs it first: of a burst of key presses only the last text is. Of a file that cannot be read, or is too
   * long, nothing is there but the diagnostic that says so.
   */
  get document(): AnyDocument {
    return (this.#document ??= this.#parse());
  }

  /** The same, as a file that is not open any more. */
  asClosed(): SourceFile {
    const closed = new SourceFile(this, null, this.#text === null ? { reason: this.#reason } : { text: this.#text });
    closed.#document = this.#document;
    return closed;
  }

  #parse(): AnyDocument {
    const text = this.#text;
    if (text === null || isTooLong(text)) {
      const diagnostics = [unreadable(this.path, this.#reason)];
      const empty = { file: this.path, text: '', root: null, lines: new LineIndex(''), value: null, diagnostics };
      return { kind: this.kind, ...empty };
    }
    return this.kind === 'module'
      ? parseDocument('module', text, this.path)
      : parseDocument('cluster', text, this.path);
  }
}

function isTooLong(text: string): boolean {
  // No character takes more than three bytes a code unit.
  return text.length > longestFile / 3 && Buffer.byteLength(text) > longestFile;
}

/** The kind of a file by its name; null for what is none of ours. */
export function kindOfUri(uri: string): 'module' | 'cluster' | null {
  const kind = kindOfFile(pathOf(uri));
  return kind === 'module' || kind === 'cluster' ? kind : null;
}

const kindOfLanguage: Readonly<Record<string, 'module' | 'cluster'>> = {
  'understudy-module': 'module',
  'understudy-cluster': 'cluster',
};

/** The kind of an open document: by its name, or, as long as it has none, by the language that was chosen for it. */
export function kindOfDocument({ uri, languageId }: TextDocument): 'module' | 'cluster' | null {
  return kindOfUri(uri) ?? (isUnnamed(uri) ? (kindOfLanguage[languageId] ?? null) : null);
}

/** Whether a path or address is of a text that was never saved. */
function isUnnamed(path: string): boolean {
  return path.startsWith('untitled:');
}

/** The path of a file. A document that is in no file yet is known by its name. */
export function pathOf(uri: string): string {
  try {
    return uri.startsWith('file:') ? fileURLToPath(uri) : decodeURIComponent(uri);
  } catch {
    return uri;
  }
}

/** The folder of the cluster that a file belongs to: its own, or the one above `modules/`. A text that was never saved belongs to none. */
export function groupFolderOf(path: string): string {
  if (isUnnamed(path)) return path;
  const folder = dirname(path);
  return basename(folder) === modulesFolder ? dirname(folder) : folder;
}
