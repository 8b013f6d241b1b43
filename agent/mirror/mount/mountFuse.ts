import fs from 'node:fs';
import {
  AT_FDCWD,
  O_DIRECTORY,
  O_PATH,
  O_RDWR,
  close,
  errnoOf,
  errnos,
  mount,
  openat,
  toByteString,
} from '../../platform/libc.ts';
import { abortConnection, connectionOf, mountAt, overlappingMount, unmount } from '../../platform/mounts.ts';
import { MirrorError } from '../mirrorError.ts';
import { MAX_IO } from './protocol.ts';

/** The type that our mounts show in /proc/mounts. */
export const FILE_SYSTEM = 'fuse.understudy';

export interface FuseMountOptions {
  /** Names the mount in /proc/mounts, so that one that was left behind can be told from others'. */
  readonly fsName: string;
  /** What is served instead of the files that are there (O_PATH), the mount's own from now on. */
  readonly backingFd?: number;
}

/** A mount of ours. The descriptors may be used from every thread of the process. */
export interface FuseMount {
  readonly directory: string;
  readonly fsName: string;
  readonly fuseFd: number;
  /** The directory below the mount (O_PATH): the way to its files by the `…at` calls. */
  readonly backingFd: number;
  /** The number of the connection in /sys/fs/fuse/connections. */
  readonly connection: number;
  /**
   * Takes the mount away, detaches it when it is in use. The session has to run meanwhile, in another thread: the kernel writes back what was mapped.
   */
  unmount(): 'unmounted' | 'detached' | 'not mounted';
  /** Cuts the connection: what waits for it fails at once, the session ends. The dead mount still has to be unmounted. */
  abort(): void;
  /** Closes both descriptors, after the session has ended. */
  close(): void;
}

/**
 * Mounts a FUSE file system over `directory`, which it will serve from the files that were there (root only). A session has to serve it at once: whoever
 * touches the directory waits for it. Throws an error that says what to do.
 */
export function mountFuse(directory: string, options: FuseMountOptions): FuseMount {
  let backingFd = options.backingFd ?? -1;
  let fuseFd = -1;
  let path: string;
  try {
    refuseMirror(directory);
    path = resolveDirectory(directory);
    refuseOverlap(path);
    const target = toByteString(path);
    if (backingFd === -1) backingFd = openat(AT_FDCWD, target, O_PATH | O_DIRECTORY);
    fuseFd = openDevice();
    const data = `fd=${fuseFd},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions,max_read=${MAX_IO}`;
    mount(toByteString(options.fsName), target, FILE_SYSTEM, 0, data);
  } catch (error) {
    if (backingFd !== -1) close(backingFd);
    if (fuseFd !== -1) close(fuseFd);
    throw error;
  }
  const entry = mountAt(path);
  if (entry?.source !== options.fsName) throw new Error(`${path} was mounted and is not in /proc/self/mountinfo`);
  return mountOf({ directory: path, fsName: options.fsName, connection: connectionOf(entry), fuseFd, backingFd });
}

/** Whoever touched a directory that is a mirror would wait for it, perhaps for long. @throws MirrorError "already-mirrored" */
export function refuseMirror(directory: string): void {
  const covering = mountAt(directory);
  if (covering?.type !== FILE_SYSTEM) return;
  throw new MirrorError(
    'already-mirrored',
    `${directory} is already a mirror (${covering.source}): stop that module, or give this one another directory; if its process died run: umount -l ${directory}`,
  );
}

/**
 * Two mirrors one in the other would copy the same files twice, in two orders. The paths that modules name do not always show it: symbolic links
 * may lead into another's directory.
 * @param path without symbolic links
 * @throws MirrorError "nested"
 */
export function refuseOverlap(path: string): void {
  const found = overlappingMount(path, FILE_SYSTEM);
  if (found === null) return;
  const { mountPoint, source } = found.entry;
  const lies = found.where === 'around' ? `lies in ${mountPoint}` : `contains ${mountPoint}`;
  throw new MirrorError(
    'nested',
    `${path} ${lies}, which is the mirror ${source}: give each module a directory outside of the others'`,
  );
}

/** What tells a mount that another process has made. */
export type MountFacts = Pick<FuseMount, 'directory' | 'fsName' | 'connection' | 'fuseFd' | 'backingFd'>;

/** A mount that is there, by its descriptors. Does not touch it. */
export function mountOf(facts: MountFacts): FuseMount {
  const { directory, connection, fuseFd, backingFd } = facts;
  return {
    ...facts,
    unmount: () => unmount(directory),
    abort: () => void abortConnection(connection),
    close: () => {
      close(fuseFd);
      close(backingFd);
    },
  };
}

/** The directory without symbolic links. */
function resolveDirectory(directory: string): string {
  let isDirectory: boolean;
  let path: string;
  try {
    path = fs.realpathSync(directory);
    isDirectory = fs.statSync(path).isDirectory();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === errnos.ENOENT) throw new Error(`${directory} does not exist: create it first`, { cause: error });
    if (errno === errnos.ENOTDIR) throw new Error(`${directory} is not a directory`, { cause: error });
    throw error;
  }
  if (!isDirectory) throw new Error(`${directory} is not a directory`);
  return path;
}

function openDevice(): number {
  try {
    return openat(AT_FDCWD, '/dev/fuse', O_RDWR);
  } catch (error) {
    throw new Error(`/dev/fuse cannot be opened: load the kernel module (modprobe fuse) and run as root`, {
      cause: error,
    });
  }
}
