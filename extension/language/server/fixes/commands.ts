import { chmod, stat } from 'node:fs/promises';
import { diskGate, soon } from '../model/diskGate.ts';
import { namedFilesIn } from '../model/namedFiles.ts';
import { pathOf } from '../model/sourceFile.ts';
import type { SourceFile } from '../model/sourceFile.ts';

/** Makes a script executable that a module file names. Its argument is the file's address. */
export const makeExecutableCommand = 'understudy.languageServer.makeExecutable';

/**
 * Carries out a command of a fix.
 * @param files all that are known: nothing is changed but what one of them names as a program
 * @returns null when it is done; what is in the way otherwise
 */
export async function runCommand(
  command: string,
  args: readonly unknown[],
  files: readonly SourceFile[],
): Promise<string | null> {
  const [uri] = args;
  if (command !== makeExecutableCommand || typeof uri !== 'string' || !uri.startsWith('file:')) {
    return `unknown command ${command}`;
  }
  const path = pathOf(uri);
  const isNamed = files.some(({ document }) =>
    namedFilesIn(document).some(({ role, candidates }) => role === 'program' && candidates.includes(path)),
  );
  if (!isNamed) return `${path} is no script that a module file names`;
  try {
    return await soon(
      diskGate.run(`executable ${path}`, () => setMode(path)),
      `${path} could not be made executable yet: its disk does not answer`,
    );
  } catch (error) {
    return `${path} could not be made executable: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function setMode(path: string): Promise<string | null> {
  const found = await stat(path);
  if (!found.isFile()) return `${path} is no file`;
  // Whoever may read it may run it.
  const { mode } = found;
  await chmod(path, (mode & 0o7777) | ((mode & 0o444) >> 2));
  return null;
}
