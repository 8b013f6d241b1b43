import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { WrittenFile } from '../safekit/importModule.ts';
import { CliError, exitCodes } from './exitCodes.ts';

/**
 * Which of the files are there already, as paths below the folder.
 * @throws CliError "FILE" when something else than a file is in the place of one, or something else than a folder above it: nothing is written
 *   through links
 */
export function existingFiles(folder: string, files: readonly WrittenFile[]): readonly string[] {
  const root = resolve(folder);
  for (const above of new Set(files.flatMap(({ path }) => foldersOf(path)))) {
    const found = lookAt(join(root, above));
    if (found !== null && !found.isDirectory()) throw inTheWay(join(root, above), 'a folder');
  }
  return files
    .map(({ path }) => path)
    .filter((path) => {
      const found = lookAt(join(root, path));
      if (found !== null && !found.isFile()) throw inTheWay(join(root, path), 'a file');
      return found !== null;
    });
}

/** Writes the files with their modes; what is there is replaced. Call {@link existingFiles} before. */
export function writeFiles(folder: string, files: readonly WrittenFile[]): void {
  const root = resolve(folder);
  for (const { path, bytes, mode } of files) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    put(file, bytes, mode);
  }
}

/**
 * Replaces a file as a whole. The folder may be one that somebody else made: what is written first is a file of its own, never one that lies
 * there, such as a link to elsewhere. On Windows, too, where folders cannot be made durable.
 */
function put(file: string, bytes: Uint8Array, mode: number): void {
  const temporary = join(dirname(file), `.${basename(file)}.${randomUUID()}.tmp`);
  const fd = openSync(temporary, 'wx', mode);
  try {
    try {
      fchmodSync(fd, mode);
      writeFileSync(fd, bytes);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** The folders above a file, from the outermost one. */
function foldersOf(path: string): readonly string[] {
  const segments = path.split('/');
  return segments.slice(1).map((_, index) => segments.slice(0, index + 1).join('/'));
}

function lookAt(path: string): Stats | null {
  return lstatSync(path, { throwIfNoEntry: false }) ?? null;
}

function inTheWay(path: string, expected: string): CliError {
  return new CliError(
    exitCodes.usage,
    'FILE',
    `${path} is not ${expected}. Nothing was written: choose another folder.`,
  );
}
