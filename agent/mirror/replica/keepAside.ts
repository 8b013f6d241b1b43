import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { makeDirectoryDurably, syncDirectory } from '../../platform/durable.ts';
import { MirrorError } from '../mirrorError.ts';
import { syncFileSystem } from './backgroundCalls.ts';

/**
 * Copies a replica's present content to `aside/NAME` in the state directory, complete and durable before it returns.
 * @returns the folder
 * @throws MirrorError "bad-name", "keep-aside-failed"; then nothing is left behind
 */
export async function keepAside(rootFd: number, stateDirectory: string, name: string): Promise<string> {
  if (!/^[\w][\w.@+-]{0,200}$/.test(name)) {
    throw new MirrorError(
      'bad-name',
      `${JSON.stringify(name)} cannot name a folder: use letters, digits, "-", "_", "."`,
    );
  }
  const aside = path.join(stateDirectory, 'aside');
  makeDirectoryDurably(aside);
  const target = freeName(path.join(aside, name));
  const partial = `${target}.partial`;
  fs.rmSync(partial, { recursive: true, force: true });
  fs.mkdirSync(partial, { mode: 0o700 });
  try {
    // Through our descriptor: what is mounted over the directory is not what is kept.
    await promisify(execFile)('cp', [
      '-a',
      '--reflink=auto',
      '--sparse=always',
      '--',
      `/proc/${process.pid}/fd/${rootFd}/.`,
      partial,
    ]);
    const fd = fs.openSync(partial, 'r');
    try {
      await syncFileSystem(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(partial, target);
    syncDirectory(aside);
    return target;
  } catch (error) {
    fs.rmSync(partial, { recursive: true, force: true });
    const message = error instanceof Error ? error.message : String(error);
    throw new MirrorError('keep-aside-failed', `the replica could not be copied to ${target}: ${message.trim()}`);
  }
}

function freeName(wanted: string): string {
  if (!fs.existsSync(wanted)) return wanted;
  for (let number = 2; ; number++) {
    if (!fs.existsSync(`${wanted}-${number}`)) return `${wanted}-${number}`;
  }
}
