import { errnoOf, errnos } from '../../platform/libc.ts';
import { describeError } from '../mirrorError.ts';
import type { DiskError } from '../mirror.ts';

/**
 * What fsync(2) says of a request that it could not carry out. Any other error means loss: the kernel reports it once, forgets what it could
 * not write, and the next fsync(2) of the same file succeeds.
 */
const NOTHING_LOST = new Set<number>([
  0,
  errnos.EBADF,
  errnos.EINVAL,
  errnos.EINTR,
  errnos.ENOSYS,
  errnos.EOPNOTSUPP,
  errnos.ENOENT,
  errnos.ENOMEM,
  errnos.EMFILE,
  errnos.ENFILE,
]);

/** Whether a disk that answers "make it durable" with this error number has lost what it had taken. */
export function isLoss(errno: number): boolean {
  return !NOTHING_LOST.has(errno);
}

/** What a failed attempt to make a replica durable means for it. */
export function lossOf(failure: unknown): DiskError {
  const { code } = describeError(failure);
  return { code: errnoOf(failure) === undefined ? 'EIO' : code, at: new Date().toISOString() };
}
