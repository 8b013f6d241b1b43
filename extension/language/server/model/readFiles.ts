import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { kindOfUri, longestFile, modulesFolder, SourceFile } from './sourceFile.ts';

/** More files of ours than this below one folder are not looked at: nobody has so many, and a wrong folder may. */
const mostFiles = 5000;
/** Folders that are looked into, at most. */
const mostFolders = 20_000;
const together = 64;
const foldersToSkip: ReadonlySet<string> = new Set(['node_modules', 'dist', 'out', 'target', 'vendor']);

/**
 * The module and cluster files in a folder and everything below it, but for hidden folders and those of packages.
 *
 * @param isWanted by its name, where other files are meant
 */
export async function filesBelow(folder: string, isWanted = isNamedOurs): Promise<readonly string[]> {
  const found: string[] = [];
  const folders = [folder];
  let next = 0;
  while (next < folders.length && next < mostFolders && found.length < mostFiles) {
    const batch = folders.slice(next, next + together);
    next += batch.length;
    for (const [index, entries] of (await Promise.all(batch.map(entriesOf))).entries()) {
      const parent = batch[index] ?? folder;
      for (const entry of entries) {
        if (entry.isDirectory() && !entry.name.startsWith('.') && !foldersToSkip.has(entry.name)) {
          folders.push(join(parent, entry.name));
        } else if (isFile(entry) && isWanted(entry.name)) found.push(join(parent, entry.name));
      }
    }
  }
  return found.slice(0, mostFiles);
}

/** The module and cluster files of one cluster: in its folder and in `modules/` of it. */
export async function filesOfGroup(folder: string): Promise<readonly string[]> {
  const [own, modules] = await Promise.all([entriesOf(folder), entriesOf(join(folder, modulesFolder))]);
  return [
    ...own.filter(isOurs).map(({ name }) => join(folder, name)),
    ...modules.filter(isOurs).map(({ name }) => join(folder, modulesFolder, name)),
  ].slice(0, mostFiles);
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => []);
}

function isOurs(entry: Dirent): boolean {
  return isFile(entry) && isNamedOurs(entry.name);
}

/** Links to files count, too; those to folders do not, as they may lead round in a circle. */
function isFile(entry: Dirent): boolean {
  return entry.isFile() || entry.isSymbolicLink();
}

function isNamedOurs(name: string): boolean {
  return kindOfUri(name) !== null;
}

/** Reads files, several at a time; one that is not there any more is left out. */
export async function readFiles(paths: readonly string[]): Promise<readonly SourceFile[]> {
  const files: SourceFile[] = [];
  for (let next = 0; next < paths.length; next += together) {
    const batch = await Promise.all(paths.slice(next, next + together).map(readSourceFile));
    files.push(...batch.filter((file) => file !== null));
  }
  return files;
}

/** Null: there is no such file. */
export async function readSourceFile(path: string): Promise<SourceFile | null> {
  const kind = kindOfUri(path);
  if (kind === null) return null;
  const where = { uri: pathToFileURL(path).toString(), path, kind };
  try {
    const text = await textOf(path);
    return text === null ? null : new SourceFile(where, null, { text });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    if (error instanceof TooLong) return new SourceFile(where, null, { reason: error.message });
    const reason =
      code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
        ? `${path} is no UTF-8 text: save it as UTF-8`
        : `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    return new SourceFile(where, null, { reason });
  }
}

class TooLong extends Error {}

/**
 * The text of a file, without a byte order mark, as an editor has it: places in the first line would not be the same otherwise. Null:
 * what is there is no file. Rejects when it cannot be read, is longer than a configuration file may be, or is no UTF-8 text.
 */
export async function textOf(path: string): Promise<string | null> {
  const found = await stat(path);
  if (!found.isFile()) return null;
  if (found.size > longestFile) throw new TooLong(`${path} is longer than 1 MiB: this is no configuration file`);
  return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
}
