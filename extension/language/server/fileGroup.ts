import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { kindOfFile, parseDocument } from '../../../schemas/document.ts';
import type { AnyDocument } from '../../../schemas/document.ts';

/** Folder beside the cluster file that holds the module files. */
const modulesFolder = 'modules';

/** More than this in one folder is no configuration of ours. */
const maxFiles = 200;

/** The folder of the cluster that a file belongs to: its own, or the one above `modules/`. */
export function groupFolderOf(path: string): string {
  const folder = dirname(path);
  return basename(folder) === modulesFolder ? dirname(folder) : folder;
}

/**
 * Reads the module and cluster files of a folder and of its `modules/`, for what they say about one another.
 *
 * @param present already parsed documents by path; they are not read from disk
 */
export async function readGroup(folder: string, present: ReadonlyMap<string, AnyDocument>): Promise<AnyDocument[]> {
  const paths = [...(await filesIn(folder)), ...(await filesIn(join(folder, modulesFolder)))];
  for (const path of present.keys()) if (groupFolderOf(path) === folder && !paths.includes(path)) paths.push(path);
  const documents = await Promise.all(
    paths.slice(0, maxFiles).map(async (path) => present.get(path) ?? (await read(path))),
  );
  return documents.filter((document) => document !== null);
}

async function filesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names.filter((name) => isOurs(name)).map((name) => join(folder, name));
}

async function read(path: string): Promise<AnyDocument | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  return text === null ? null : parse(path, text);
}

/** Parses a text by the kind that its name tells; null for other files. */
export function parse(path: string, text: string): AnyDocument | null {
  const kind = kindOfFile(path);
  if (kind === 'module') return parseDocument(kind, text, path);
  return kind === 'cluster' ? parseDocument(kind, text, path) : null;
}

function isOurs(name: string): boolean {
  const kind = kindOfFile(name);
  return kind === 'module' || kind === 'cluster';
}
