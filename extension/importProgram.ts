import { execFile } from 'node:child_process';
import { parseImportAnswer, type ImportAnswer } from './model/importAnswer.ts';

/** A module is a few KiB, and the program refuses what is much larger. */
const longestAnswer = 64 * 1024 * 1024;
const timeoutMs = 60_000;

/**
 * Runs the import in a process of its own: what it reads comes from elsewhere.
 * @param program the bundled program
 * @param args a file or folder, and options
 */
export function runImport(program: string, args: readonly string[]): Promise<ImportAnswer> {
  // In the editor on a desktop this program is Electron, which is Node by that variable.
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
  return new Promise((resolve, reject) => {
    const options = { env, maxBuffer: longestAnswer, timeout: timeoutMs, windowsHide: true };
    execFile(process.execPath, [program, '--json', ...args], options, (error, stdout, stderr) => {
      // It ends with another code than 0 when it refuses, and says why all the same.
      const answer = parseImportAnswer(stdout);
      if (answer !== null) resolve(answer);
      else reject(new Error(`The import failed: ${stderr.trim() || (error?.message ?? 'it said nothing')}`));
    });
  });
}
