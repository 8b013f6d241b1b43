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
import { abortConnection, connectionOf, mountAt, unmount } from '../../platform/mounts.ts';
import { MAX_IO } from './protocol.ts';

export interface FuseMountOptions {
  /** Names the mount in /proc/mounts, so that one that was left behind can be told from others'. */
  readonly fsName: string;
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
  const path = toByteString(directory);
  const backingFd = openBacking(directory, path);
  let fuseFd = -1;
  try {
    fuseFd = openDevice();
    const data = `fd=${fuseFd},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions,max_read=${MAX_IO}`;
    mount(toByteString(options.fsName), path, 'fuse.understudy', 0, data);
  } catch (error) {
    close(backingFd);
    if (fuseFd !== -1) close(fuseFd);
    throw error;
  }
  const entry = mountAt(directory);
  if (entry === null) throw new Error(`${directory} was mounted and is not in /proc/self/mountinfo`);
  const connection = connectionOf(entry);
  return {
    directory,
    fsName: options.fsName,
    fuseFd,
    backingFd,
    connection,
    unmount: () => unmount(directory),
    abort: () => void abortConnection(connection),
    close: () => {
      close(fuseFd);
      close(backingFd);
    },
  };
}

function openBacking(directory: string, path: string): number {
  try {
    return openat(AT_FDCWD, path, O_PATH | O_DIRECTORY);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === errnos.ENOENT) throw new Error(`${directory} does not exist: create it first`, { cause: error });
    if (errno === errnos.ENOTDIR) throw new Error(`${directory} is not a directory`, { cause: error });
    if (errno === errnos.ENOTCONN) {
      throw new Error(`${directory} is covered by a mount whose server died: umount -l ${directory}`, { cause: error });
    }
    throw error;
  }
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
