import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { makeDirectoryDurably, syncDirectory, writeDurably } from '../../platform/durable.ts';
import type { AsideFacts } from '../mirror.ts';
import { MirrorError } from '../mirrorError.ts';
import { asideFolder, type AsideManifest, filesFolder, manifestFile, readManifest } from './asideManifest.ts';
import { syncFileSystem } from './backgroundCalls.ts';
import type { ReplicaTree } from './tree.ts';

/** What stays free in the file system of the state directory, bytes: the agent has to write there. */
const RESERVE_BYTES = 64 * 1024 * 1024;
/** File systems that share blocks between copies (statfs(2)): btrfs, XFS. */
const SHARING = new Set([0x9123683e, 0x58465342]);

/**
 * Copies a replica's present content to `aside/NAME` in the state directory, with a manifest, complete and durable before it returns. The same
 * history is kept once: after a crash its folder is found again.
 * @returns the folder
 * @throws MirrorError "bad-name", "no-room", "keep-aside-failed"; then nothing is left behind
 */
export async function keepAside(
  { rootFd, roots }: Pick<ReplicaTree, 'rootFd' | 'roots'>,
  stateDirectory: string,
  module: string,
  name: string,
  about: AsideFacts,
): Promise<string> {
  if (!/^[\w][\w.@+-]{0,200}$/.test(name)) {
    throw new MirrorError(
      'bad-name',
      `${JSON.stringify(name)} cannot name a folder: use letters, digits, "-", "_", "."`,
    );
  }
  const aside = asideFolder(stateDirectory);
  makeDirectoryDurably(aside);
  const { target, found } = placeFor(path.join(aside, name), about);
  if (found) return target;
  const partial = `${target}.partial`;
  fs.rmSync(partial, { recursive: true, force: true });
  const source = sourceOf(rootFd);
  const bytes = await checkAsideRoom({ rootFd, roots }, stateDirectory);
  try {
    fs.mkdirSync(filesFolder(partial), { recursive: true, mode: 0o700 });
    await promisify(execFile)('cp', ['-a', '--reflink=auto', '--sparse=always', '--', source, filesFolder(partial)]);
    const manifest: AsideManifest = {
      formatVersion: 1,
      module,
      at: new Date().toISOString(),
      bytes,
      ...about,
      differences: null,
    };
    writeDurably(manifestFile(partial), `${JSON.stringify(manifest, null, 2)}\n`);
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

/**
 * Whether there is room to keep a replica's present content aside.
 * @returns its size, bytes
 * @throws MirrorError "no-room"
 */
export async function checkAsideRoom(
  { rootFd, roots }: Pick<ReplicaTree, 'rootFd' | 'roots'>,
  stateDirectory: string,
): Promise<number> {
  const aside = asideFolder(stateDirectory);
  makeDirectoryDurably(aside);
  const source = sourceOf(rootFd);
  const bytes = await bytesIn(roots.map((root) => (root === '' ? source : `${source}/${root}/.`)));
  const devices = roots.map((root) => fs.statSync(path.join(source, root)).dev);
  checkRoom(devices, aside, bytes);
  return bytes;
}

/** Through our descriptor: what is mounted over the directory is not what is kept. */
function sourceOf(rootFd: number): string {
  return `/proc/${process.pid}/fd/${rootFd}/.`;
}

/** The folder that holds this very history already, or a name that is free. Files without a history have nothing to be known again by. */
function placeFor(wanted: string, about: AsideFacts): { target: string; found: boolean } {
  const tail = about.lineage.at(-1);
  for (let number = 1; ; number++) {
    const target = number === 1 ? wanted : `${wanted}-${number}`;
    if (!fs.existsSync(target)) return { target, found: false };
    const kept = readManifest(target)?.lineage.at(-1);
    if (tail && kept?.epoch === tail.epoch && kept.primary === tail.primary) return { target, found: true };
  }
}

async function bytesIn(folders: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const folder of folders) {
    const { stdout } = await promisify(execFile)('du', ['-s', '-x', '--block-size=1', '--', folder]);
    bytes += Number(stdout.split('\t')[0]);
  }
  return bytes;
}

/** @param devices of what is kept */
function checkRoom(devices: readonly number[], aside: string, bytes: number): void {
  const { bavail, bsize, type } = fs.statfsSync(aside);
  const { dev } = fs.statSync(aside);
  if (SHARING.has(type) && devices.every((device) => device === dev)) return;
  const free = bavail * bsize - RESERVE_BYTES;
  if (free >= bytes) return;
  throw new MirrorError(
    'no-room',
    `keeping it aside takes ${mebibytes(bytes)}, and ${aside} has room for ${mebibytes(Math.max(0, free))}: make room there, then try again`,
  );
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 / 1024)} MiB`;
}
