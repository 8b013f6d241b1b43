import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from './repositoryRoot.ts';

let built: Promise<string> | null = null;

/** Packages the extension from the sources as they are now, once a process; resolves with the path of the `.vsix`. */
export function buildExtension(): Promise<string> {
  built ??= promisify(execFile)(process.execPath, [join(repositoryRoot(), 'package.mjs'), 'vsix']).then(
    ({ stdout }) => stdout.trim().split('\n').at(-1) ?? '',
  );
  return built;
}
