import { promises as fs } from 'node:fs';
import { bind } from '../../platform/libc/library.ts';
import {
  cString,
  ErrnoError,
  errnos,
  MNT_DETACH,
  MNT_EXPIRE,
  MS_BIND,
  negativeErrno,
  toByteString,
  UMOUNT_NOFOLLOW,
} from '../../platform/libc.ts';
import { mountAt } from '../../platform/mounts.ts';

interface BackgroundCall<Arguments extends unknown[]> {
  async(...values: [...Arguments, (error: Error | null, result: number) => void]): void;
}

const syncfs = bind<never>('int syncfs(int)') as BackgroundCall<[number]>;
const fdatasync = bind<never>('int fdatasync(int)') as BackgroundCall<[number]>;
const mount = bind<never>(
  'int mount(const void *, const void *, const void *, uint64_t, const void *)',
) as BackgroundCall<[Uint8Array, Uint8Array, null, number, null]>;
const umount2 = bind<never>('int umount2(const void *, int)') as BackgroundCall<[Uint8Array, number]>;

/** Calls in another thread. @returns the negative error number on failure */
function run<Arguments extends unknown[]>(call: BackgroundCall<Arguments>, ...values: Arguments): Promise<number> {
  return new Promise((resolve, reject) => {
    // The error number is that of this call until the next one.
    call.async(...values, (error, result) =>
      error ? reject(new Error(String(error))) : resolve(result === -1 ? negativeErrno() : result),
    );
  });
}

/**
 * syncfs(2) in a thread of its own: everything on the file system of `fd` durable.
 * @throws ErrnoError when the disk failed
 */
export async function syncFileSystem(fd: number): Promise<void> {
  const result = await run(syncfs, fd);
  if (result < 0) throw new ErrnoError(-result, 'syncfs');
}

/** As {@link syncFileSystem} for the file systems of several directories; all of them are tried. */
export async function syncFileSystems(fds: readonly number[]): Promise<void> {
  const results = await Promise.allSettled(fds.map(syncFileSystem));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** fdatasync(2) in a thread of its own. Rejects when the disk failed. */
export async function syncData(fd: number): Promise<void> {
  if ((await run(fdatasync, fd)) === -1) throw new Error('the disk reported an error while a file was made durable');
}

/**
 * umount(2) in a thread of its own: a mount that this very process serves must not be waited for by the thread that its server needs.
 * @returns false when something still uses the mount
 */
export async function unmountServed(directory: string, detach = false): Promise<boolean> {
  const before = mountAt(directory);
  if (before === null) return true;
  await run(umount2, cString(toByteString(before.mountPoint)), UMOUNT_NOFOLLOW | (detach ? MNT_DETACH : 0));
  return mountAt(directory)?.id !== before.id;
}

/** Shows a directory at another place, too, in a thread of its own: this very process may serve it. @throws ErrnoError */
export async function bindServed(directory: string, place: string): Promise<void> {
  const result = await run(mount, cString(toByteString(directory)), cString(toByteString(place)), null, MS_BIND, null);
  if (result < 0) throw new ErrnoError(-result, 'mount', place);
}

/** Whether something uses a mount, which stays where it is. This very process may serve it. */
export async function isMountUsed(directory: string): Promise<boolean> {
  // Who is asked twice without having been touched in between is taken away (umount(2), MNT_EXPIRE); to walk there counts as a touch.
  await fs.stat(directory);
  const result = await run(umount2, cString(toByteString(directory)), UMOUNT_NOFOLLOW | MNT_EXPIRE);
  return result === -errnos.EBUSY;
}
