import { opendir } from 'node:fs/promises';
import { posix } from 'node:path';
import { CompletionItemKind, InsertTextFormat } from 'vscode-languageserver';
import type { CompletionItem } from 'vscode-languageserver';
import { fileRoleAt } from '../../../../schemas/names.ts';
import type { FileRole } from '../../../../schemas/names.ts';
import { diskGate, soon } from '../model/diskGate.ts';
import { candidatesOf } from '../model/namedFiles.ts';
import type { SourceFile } from '../model/sourceFile.ts';
import type { CompletionContext } from './context.ts';
import { editOf } from './edits.ts';
import type { Client } from './edits.ts';
import { escapeSnippet } from './snippets.ts';

/** Entries of a folder that are looked at; one with more is no place to choose from. */
const mostEntries = 1000;

/** Files and directories of this machine, where a text names one. */
export async function fileItems(
  file: SourceFile,
  context: CompletionContext,
  client: Client,
): Promise<CompletionItem[]> {
  const role = fileRoleAt(file.kind, context.path);
  if (role === null) return [];
  const typedFolder = context.typed.slice(0, context.typed.lastIndexOf('/') + 1);
  const start = typedFolder === '' && (role === 'directory' || role === 'file') ? '/' : typedFolder;
  const folders = start === '' ? candidatesOf('.', role, file.document) : candidatesOf(start, role, file.document);
  const found = new Map<string, boolean>();
  for (const folder of folders) {
    for (const [name, isFolder] of await entriesSoon(folder)) if (!found.has(name)) found.set(name, isFolder);
  }
  return [...found]
    .filter(([name, isFolder]) => isFolder || fits(role, name))
    .map(([name, isFolder]) => item(file, context, client, posix.join(start, name), isFolder, role));
}

/** By the name only: what may be a program or an image is seen when it is chosen. */
function fits(role: FileRole, name: string): boolean {
  if (role === 'directory') return false;
  return !/\.(module|cluster)\.jsonc$/.test(name);
}

type Entry = readonly [name: string, isFolder: boolean];

/** None when the disk does not answer. */
function entriesSoon(folder: string): Promise<readonly Entry[]> {
  return soon<readonly Entry[], readonly Entry[]>(
    diskGate.run(`entries ${folder}`, () => entriesOf(folder)),
    [],
  );
}

async function entriesOf(folder: string): Promise<readonly Entry[]> {
  const found: Entry[] = [];
  try {
    for await (const entry of await opendir(folder)) {
      if (!entry.name.startsWith('.')) found.push([entry.name, entry.isDirectory()]);
      if (found.length >= mostEntries) break;
    }
  } catch {
    // It is not there, or may not be read: there is nothing to offer.
  }
  return found;
}

function item(
  file: SourceFile,
  context: CompletionContext,
  client: Client,
  path: string,
  isFolder: boolean,
  role: FileRole,
): CompletionItem {
  const quoted = JSON.stringify(isFolder && role !== 'directory' ? `${path}/` : path);
  // In a folder one goes on choosing: the cursor stays before the quote.
  const isOpen = isFolder && client.hasSnippets;
  const text = isOpen ? `${escapeSnippet(quoted.slice(0, -1))}$0"` : quoted;
  return {
    label: isFolder ? `${posix.basename(path)}/` : posix.basename(path),
    filterText: context.isQuoted ? quoted : path,
    sortText: `3${isFolder ? '0' : '1'}${path}`,
    kind: isFolder ? CompletionItemKind.Folder : CompletionItemKind.File,
    insertTextFormat: isOpen ? InsertTextFormat.Snippet : InsertTextFormat.PlainText,
    ...editOf(file, context, text),
  };
}
