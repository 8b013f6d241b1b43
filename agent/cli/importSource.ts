import { lstat, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { ModuleFile } from '../safekit/archive/moduleFile.ts';
import { inputFromFile, inputFromFiles, type ModuleInput } from '../safekit/archive/moduleInput.ts';
import { ImportError } from '../safekit/importError.ts';
import { limits } from '../safekit/limits.ts';
import { printable } from '../safekit/printable.ts';
import { CliError, exitCodes } from './exitCodes.ts';

export interface ImportSource {
  readonly input: ModuleInput;
  /** What the module is called there: the name of the file or of its folder. */
  readonly name: string;
  /** The last part of the path, for people. */
  readonly source: string;
}

/**
 * Reads what is to be imported: a .safe file, a userconfig.xml, or a module folder.
 * @throws ImportError, CliError, Node's file errors
 */
export async function readImportSource(path: string): Promise<ImportSource> {
  const absolute = resolve(path);
  const found = await stat(absolute);
  if (found.isDirectory()) {
    const input = inputFromFiles(await readFolder(absolute));
    return { input, name: moduleFolderName(absolute), source: basename(absolute) };
  }
  if (!found.isFile()) throw new CliError(exitCodes.usage, 'FILE', `${path} is neither a file nor a folder.`);
  const input = inputFromFile(await readBounded(absolute, limits.archive, printable(path)));
  const extension = extname(absolute);
  const isConfiguration = extension === '.xml';
  const name = isConfiguration ? moduleFolderName(dirname(absolute)) : basename(absolute, extension);
  return { input, name, source: basename(absolute) };
}

/** A module folder is called as its module; its "conf" is not. */
function moduleFolderName(folder: string): string {
  return basename(basename(folder) === 'conf' ? dirname(folder) : folder);
}

/** Every file below a folder. Links are refused: they would bring files of this machine into the module. */
async function readFolder(root: string): Promise<readonly ModuleFile[]> {
  const files: ModuleFile[] = [];
  let total = 0;
  const visit = async (folder: string, prefix: string, depth: number): Promise<void> => {
    if (depth > limits.depth) throw tooLarge(`lies more than ${String(limits.depth)} folders deep`, prefix);
    const entries = await readdir(folder, { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = `${prefix}${entry.name}`;
      const absolute = join(folder, entry.name);
      if (entry.isDirectory()) {
        await visit(absolute, `${path}/`, depth + 1);
        continue;
      }
      const kind = await lstat(absolute);
      if (!kind.isFile()) {
        const what = kind.isSymbolicLink() ? 'a symbolic link' : 'no plain file';
        throw new ImportError('UNSAFE_NAME', `"${printable(path)}" is ${what}. Nothing was imported.`);
      }
      if (files.length >= limits.files) throw tooLarge(`is one of more than ${String(limits.files)} files`, path);
      const bytes = await readBounded(absolute, limits.file, printable(path));
      total += bytes.length;
      if (total > limits.total) throw tooLarge('and the others are too large together', path);
      files.push({ path, bytes });
    }
  };
  await visit(root, '', 0);
  return files;
}

/** A file that grows while it is read is no longer than the limit, either. */
async function readBounded(file: string, limit: number, shown: string): Promise<Uint8Array> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    if (size > limit) throw tooLarge(`is larger than ${String(limit / 1024 / 1024)} MiB`, shown);
    const buffer = Buffer.alloc(size);
    let length = 0;
    while (length < size) {
      const { bytesRead } = await handle.read(buffer, length, size - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    await handle.close();
  }
}

function tooLarge(why: string, path: string): ImportError {
  return new ImportError(
    'TOO_LARGE',
    `"${printable(path)}" ${why}: this is no module of SafeKit. Nothing was imported.`,
  );
}
