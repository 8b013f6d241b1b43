import fs from 'node:fs';
import path from 'node:path';
import { O_DIRECTORY, O_RDONLY, close, openat } from '../../platform/libc.ts';
import { bind } from '../../platform/libc/library.ts';
import { makeDirectoryDurably, readIfExists, removeDurably, writeDurably } from '../../platform/durable.ts';
import { bindReadOnly, mountAt, removeDeadMounts, unmount } from '../../platform/mounts.ts';
import type { DirectoryIdentity, MirrorOptions } from '../mirror.ts';
import { MirrorError } from '../mirrorError.ts';
import { FILE_SYSTEM, refuseOverlap } from '../mount/mountFuse.ts';

const flock = bind<(fd: number, operation: number) => number>('int flock(int, int)');
const LOCK_EX = 2;
const LOCK_NB = 4;

/** The source by which a mount of a module is known in /proc/mounts. */
export function mountName(module: string): string {
  return `understudy:${module}`;
}

/** The directory of a replica, locked for this process. */
export interface Location {
  /** Readable descriptor of the directory itself, whatever is mounted over it later. */
  readonly rootFd: number;
}

/**
 * Checks and locks the directories of a replica, and removes mounts that a dead mirror process left there.
 * @throws MirrorError saying what to do
 */
export function openLocation(options: Pick<MirrorOptions, 'module' | 'directory' | 'stateDirectory'>): Location {
  const { directory, stateDirectory, module } = options;
  if (!path.isAbsolute(directory) || !path.isAbsolute(stateDirectory)) {
    throw new MirrorError(
      'not-absolute',
      `the mirrored directory and the state directory have to be absolute paths: ${directory}, ${stateDirectory}`,
    );
  }
  if (!fs.existsSync(path.dirname(directory))) throw missing(directory);
  removeDeadMounts(directory, mountName(module));
  makeState(stateDirectory);
  checkNesting(directory, stateDirectory);
  lockState(stateDirectory, module);
  removeStaleCover(directory, stateDirectory);
  const covering = mountAt(directory);
  if (covering?.type === FILE_SYSTEM) {
    throw new MirrorError(
      'already-mirrored',
      `${directory} is already a mirror (${covering.source}): stop that module, or give this one another directory`,
    );
  }
  const rootFd = openRoot(directory);
  try {
    refuseOverlap(fs.realpathSync(directory));
  } catch (error) {
    fs.closeSync(rootFd);
    throw error;
  }
  if (flock(rootFd, LOCK_EX | LOCK_NB) === -1) {
    fs.closeSync(rootFd);
    throw new MirrorError(
      'already-mirrored',
      `${directory} is in use by another mirror: stop that module, or give this one another directory`,
    );
  }
  return { rootFd };
}

/** As {@link openLocation} when the mount of an earlier process covers the directory and waits: whoever touched it would wait, too. */
export function openCovered(options: Pick<MirrorOptions, 'module' | 'stateDirectory'>, backingFd: number): Location {
  lockState(options.stateDirectory, options.module);
  const rootFd = openat(backingFd, '.', O_RDONLY | O_DIRECTORY);
  if (flock(rootFd, LOCK_EX | LOCK_NB) === -1) {
    close(rootFd);
    throw new MirrorError('already-mirrored', `the directory of ${options.module} is in use by another mirror`);
  }
  return { rootFd };
}

function missing(directory: string): MirrorError {
  return new MirrorError(
    'directory-missing',
    `${directory} does not exist: create it, or correct the module's "directories"`,
  );
}

function openRoot(directory: string): number {
  let stat: fs.Stats;
  try {
    stat = fs.statSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw missing(directory);
    throw error;
  }
  if (!stat.isDirectory()) {
    throw new MirrorError(
      'not-a-directory',
      `${directory} is not a directory: name the directory that holds the server's files`,
    );
  }
  try {
    fs.accessSync(directory, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === 'EROFS'
        ? 'its file system is mounted read-only: remount it read-write'
        : 'run the agent as root, or correct its permissions';
    throw new MirrorError('directory-not-writable', `${directory} cannot be written (${code ?? 'unknown'}): ${why}`);
  }
  return fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
}

/** Of the directory itself, whatever is mounted over it. */
export function identityOf(rootFd: number): DirectoryIdentity {
  const { ino, birthtimeNs } = fs.fstatSync(rootFd, { bigint: true });
  return { ino: Number(ino), born: String(birthtimeNs) };
}

function makeState(stateDirectory: string): void {
  try {
    makeDirectoryDurably(stateDirectory);
    fs.accessSync(stateDirectory, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
  } catch (error) {
    throw new MirrorError(
      'state-not-writable',
      `the state directory ${stateDirectory} cannot be used (${(error as NodeJS.ErrnoException).code ?? String(error)}): give the module one that the agent can write`,
    );
  }
}

function checkNesting(directory: string, stateDirectory: string): void {
  // Only the parent is resolved: the directory itself may be covered by a dead mount.
  const mirrored = path.join(fs.realpathSync(path.dirname(directory)), path.basename(directory));
  const state = fs.realpathSync(stateDirectory);
  const within = (inner: string, outer: string) =>
    inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`);
  if (within(state, mirrored) || within(mirrored, state)) {
    throw new MirrorError(
      'nested',
      `the state directory ${stateDirectory} and the mirrored directory ${directory} lie in one another: the state of a replica must lie outside of what is mirrored`,
    );
  }
}

function lockState(stateDirectory: string, module: string): void {
  // Held until the process ends; the descriptor is never closed before.
  const fd = fs.openSync(path.join(stateDirectory, 'mirror.lock'), 'w', 0o600);
  if (flock(fd, LOCK_EX | LOCK_NB) === -1) {
    fs.closeSync(fd);
    throw new MirrorError(
      'already-mirrored',
      `another mirror process of module ${module} uses ${stateDirectory}: stop it first`,
    );
  }
}

const coverFile = (stateDirectory: string) => path.join(stateDirectory, 'read-only-mount');

/** Covers the directory read-only, and remembers that, so that the cover can be taken away after a crash. */
export function coverReadOnly(directory: string, stateDirectory: string): void {
  // Another module may have begun to serve since the directory was opened.
  refuseOverlap(fs.realpathSync(directory));
  bindReadOnly(directory);
  writeDurably(coverFile(stateDirectory), `${mountAt(directory)?.id ?? 0}\n`);
}

/** Takes the read-only cover away. */
export function uncover(directory: string, stateDirectory: string): void {
  unmount(directory);
  removeDurably(coverFile(stateDirectory));
}

function removeStaleCover(directory: string, stateDirectory: string): void {
  const id = readIfExists(coverFile(stateDirectory));
  if (id === null) return;
  const entry = mountAt(directory);
  if (entry !== null && entry.id === Number(id.toString('utf8')) && entry.options.includes('ro')) unmount(directory);
  removeDurably(coverFile(stateDirectory));
}
