import fs from 'node:fs';
import path from 'node:path';
import {
  AT_FDCWD,
  O_DIRECTORY,
  O_RDONLY,
  close,
  duplicate,
  errnoName,
  fstat,
  openat,
  toByteString,
  tryStatat,
} from '../../platform/libc.ts';
import { bind } from '../../platform/libc/library.ts';
import { makeDirectoryDurably, removeDurably, writeDurably } from '../../platform/durable.ts';
import { bindReadOnly, isWithin, readOnlyCover, removeDeadMounts, unmount } from '../../platform/mounts.ts';
import { directoriesOf, type MirrorOptions } from '../mirror.ts';
import { describeError, MirrorError } from '../mirrorError.ts';
import { refuseMirror, refuseOverlap } from '../mount/mountFuse.ts';
import { assembleRoots, clearFolder } from './assemble.ts';
import { refuseShared } from './refuseShared.ts';
import { rootsOf } from './roots.ts';

const flock = bind<(fd: number, operation: number) => number>('int flock(int, int)');
const LOCK_EX = 2;
const LOCK_NB = 4;

/** The source by which a mount of a module is known in /proc/mounts. */
export function mountName(module: string): string {
  return `understudy:${module}`;
}

/** The directories of a replica, locked for this process. */
export interface Location {
  /** Readable descriptor of the root: of the directory itself, whatever is mounted over it later, or of what several lie below. */
  readonly rootFd: number;
  /** One of each directory. */
  readonly rootFds: readonly number[];
  /** Of several directories: what their root lives as long as. */
  readonly assembledFd: number | null;
}

type Places = Pick<MirrorOptions, 'module' | 'directory' | 'furtherDirectories' | 'stateDirectory'>;

/** Where the file system of several directories is mounted, whose parts then cover them. */
export const mountFolder = (stateDirectory: string): string => path.join(stateDirectory, 'mount');
const rootsFolder = (stateDirectory: string): string => path.join(stateDirectory, 'roots');

/**
 * Checks and locks the directories of a replica, and removes mounts that a dead mirror process left there.
 * @throws MirrorError saying what to do
 */
export function openLocation(options: Places): Location {
  const { stateDirectory, module } = options;
  const directories = directoriesOf(options);
  for (const directory of directories) {
    if (!path.isAbsolute(directory) || !path.isAbsolute(stateDirectory)) {
      throw new MirrorError(
        'not-absolute',
        `the mirrored directory and the state directory have to be absolute paths: ${directory}, ${stateDirectory}`,
      );
    }
    if (!fs.existsSync(path.dirname(directory))) throw missing(directory);
    removeDeadMounts(directory, mountName(module));
  }
  makeState(stateDirectory);
  for (const directory of directories) checkNesting(directory, stateDirectory);
  lockState(stateDirectory, module);
  clearFolder(rootsFolder(stateDirectory));
  clearFolder(mountFolder(stateDirectory));
  removeStaleCovers(directories, stateDirectory);
  const rootFds: number[] = [];
  try {
    for (const directory of directories) rootFds.push(openApart(directory));
    if (directories.length > 1) refuseShared(directories, rootFds);
    directories.forEach((directory, index) => lockRoot(rootFds[index] ?? -1, directory));
    if (directories.length === 1) return { rootFd: rootFds[0] as number, rootFds, assembledFd: null };
    return assemble(rootFds, stateDirectory);
  } catch (error) {
    for (const fd of rootFds) fs.closeSync(fd);
    throw error;
  }
}

/** One that no mirror that is served has to do with. */
function openApart(directory: string): number {
  refuseMirror(directory);
  const rootFd = openRoot(directory);
  try {
    refuseOverlap(fs.realpathSync(directory));
  } catch (error) {
    fs.closeSync(rootFd);
    throw error;
  }
  return rootFd;
}

function lockRoot(rootFd: number, directory: string): void {
  if (flock(rootFd, LOCK_EX | LOCK_NB) !== -1) return;
  throw new MirrorError(
    'already-mirrored',
    `${directory} is in use by another mirror: stop that module, or give this one another directory`,
  );
}

function assemble(rootFds: readonly number[], stateDirectory: string): Location {
  const folder = rootsFolder(stateDirectory);
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  let assembledFd: number;
  try {
    assembledFd = assembleRoots(rootFds, folder);
  } catch (error) {
    throw new MirrorError(
      'mount-failed',
      `the directories could not be put together in ${folder}: ${describeError(error).message}`,
    );
  }
  return { rootFd: openat(assembledFd, '.', O_RDONLY | O_DIRECTORY), rootFds, assembledFd };
}

/**
 * A disk may have been unmounted since the directories were opened. What is served or followed from then on is theirs, but whoever looks at the
 * directories sees others. Only while nothing of ours covers them.
 * @throws MirrorError "directory-replaced", "already-mirrored", "nested"
 */
export function refuseReplaced(directories: readonly string[], rootFds: readonly number[]): void {
  directories.forEach((directory, index) => {
    refuseMirror(directory);
    if (fs.existsSync(directory)) refuseOverlap(fs.realpathSync(directory));
    const there = tryStatat(AT_FDCWD, toByteString(directory), 0);
    const opened = fstat(rootFds[index] ?? -1);
    const isThere = typeof there !== 'number';
    if (isThere && there.dev === opened.dev && there.ino === opened.ino) return;
    const why = isThere ? '' : ` (${errnoName(-there)})`;
    throw new MirrorError(
      'directory-replaced',
      `${directory} is not the directory any more that it was when the module was opened${why}: was its disk unmounted? Mount it again; if it has become another device, restart the agent`,
    );
  });
}

/** As {@link openLocation} when the mount of an earlier process covers the directories and waits: whoever touched them would wait, too. */
export function openCovered(options: Places, backingFd: number): Location {
  lockState(options.stateDirectory, options.module);
  const roots = rootsOf(directoriesOf(options).length);
  const rootFds = roots.map((root) => {
    const fd = openat(backingFd, root === '' ? '.' : root, O_RDONLY | O_DIRECTORY);
    if (flock(fd, LOCK_EX | LOCK_NB) !== -1) return fd;
    close(fd);
    throw new MirrorError('already-mirrored', `the directory of ${options.module} is in use by another mirror`);
  });
  if (roots.length === 1) return { rootFd: rootFds[0] as number, rootFds, assembledFd: null };
  return {
    rootFd: openat(backingFd, '.', O_RDONLY | O_DIRECTORY),
    rootFds,
    assembledFd: duplicate(backingFd),
  };
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
  if (isWithin(state, mirrored) || isWithin(mirrored, state)) {
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

/** Covers the directories read-only, and remembers before that it does, so that the covers can be taken away after a crash. */
export function coverReadOnly(directories: readonly string[], stateDirectory: string): void {
  const covered: string[] = [];
  writeDurably(coverFile(stateDirectory), '');
  try {
    for (const directory of directories) {
      // Another module may have begun to serve since the directory was opened.
      refuseOverlap(fs.realpathSync(directory));
      bindReadOnly(directory);
      covered.push(directory);
    }
  } catch (error) {
    uncover(covered, stateDirectory);
    throw error;
  }
}

/** Takes the read-only covers away. */
export function uncover(directories: readonly string[], stateDirectory: string): void {
  for (const directory of directories.toReversed()) unmount(directory);
  removeDurably(coverFile(stateDirectory));
}

function removeStaleCovers(directories: readonly string[], stateDirectory: string): void {
  if (!fs.existsSync(coverFile(stateDirectory))) return;
  for (const directory of directories) if (readOnlyCover(directory) !== null) unmount(directory);
  removeDurably(coverFile(stateDirectory));
}
