import { readFile, stat } from 'node:fs/promises';
import { unreadable } from '../../schemas/diagnostic.ts';
import type { Diagnostic } from '../../schemas/diagnostic.ts';
import { parseDocument } from '../../schemas/document.ts';
import type { AnyDocument, DocumentKind, ParsedDocument } from '../../schemas/document.ts';

/** No configuration file is longer than this; a mistaken argument (a disk image) is refused at once. Bytes. */
const longestFile = 1024 * 1024;

export type ReadText =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly diagnostic: Diagnostic };

/** Reads a configuration file as UTF-8; everything that can go wrong becomes one diagnostic. */
export async function readConfigurationText(file: string): Promise<ReadText> {
  try {
    const found = await stat(file);
    if (!found.isFile()) return refuse(file, `${file} is no file: give the path of a configuration file`);
    if (found.size > longestFile) return refuse(file, `${file} is longer than 1 MiB: this is no configuration file`);
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(file));
    return { ok: true, text };
  } catch (error) {
    return refuse(file, explainReadError(file, error));
  }
}

function refuse(file: string, message: string): ReadText {
  return { ok: false, diagnostic: unreadable(file, message) };
}

/** What is in the way of reading a file or folder, and what to do. */
export function explainReadError(file: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `${file} does not exist: check the path`;
    case 'EACCES':
    case 'EPERM':
      return `${file} may not be read by this user: run as root, or change its mode`;
    case 'EISDIR':
      return `${file} is a folder: give the path of a configuration file`;
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return `${file} is no UTF-8 text: save it as UTF-8`;
    default:
      return `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

export type ReadDocument<Kind extends DocumentKind> =
  { readonly document: ParsedDocument<Kind> } | { readonly diagnostic: Diagnostic };

/** Reads and parses one file. */
export async function readDocument<Kind extends DocumentKind>(kind: Kind, file: string): Promise<ReadDocument<Kind>> {
  const read = await readConfigurationText(file);
  return read.ok ? { document: parseDocument(kind, read.text, file) } : { diagnostic: read.diagnostic };
}

/** `parseDocument` for a kind that is known at run time only. */
export function parseAny(kind: DocumentKind, text: string, file: string): AnyDocument {
  switch (kind) {
    case 'module':
      return parseDocument('module', text, file);
    case 'cluster':
      return parseDocument('cluster', text, file);
    case 'agent':
      return parseDocument('agent', text, file);
  }
}
