import { cString } from './bytes.ts';
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW } from './constants.ts';
import { orThrow } from './errno.ts';
import { bind } from './library.ts';

type Bytes = Uint8Array;
const c = {
  fchmodat: bind<(dirFd: number, path: Bytes, mode: number, flags: number) => number>(
    'int fchmodat(int, const void *, uint32_t, int)',
  ),
  fchmod: bind<(fd: number, mode: number) => number>('int fchmod(int, uint32_t)'),
  fchownat: bind<(dirFd: number, path: Bytes, uid: number, gid: number, flags: number) => number>(
    'int fchownat(int, const void *, uint32_t, uint32_t, int)',
  ),
  utimensat: bind<(dirFd: number, path: Bytes, times: Bytes, flags: number) => number>(
    'int utimensat(int, const void *, const void *, int)',
  ),
  futimens: bind<(fd: number, times: Bytes) => number>('int futimens(int, const void *)'),
};

/** An uid or gid that stays as it is. */
const unchanged = 0xffffffff;
const UTIME_NOW = 0x3fffffffn;
const UTIME_OMIT = 0x3ffffffen;

/** fchmodat(2). Follows a symbolic link (whose own mode Linux does not keep): callers know that `path` is none. */
export function chmodat(dirFd: number, path: string, mode: number): void {
  orThrow(c.fchmodat(dirFd, cString(path), mode, 0), 'fchmodat', path);
}

/** fchmod(2). */
export function fchmod(fd: number, mode: number): void {
  orThrow(c.fchmod(fd, mode), 'fchmod');
}

/** fchownat(2), symbolic links not followed; '' is `dirFd` itself. null leaves an owner as it is. */
export function chownat(dirFd: number, path: string, uid: number | null, gid: number | null): void {
  const flags = path === '' ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  orThrow(c.fchownat(dirFd, cString(path), uid ?? unchanged, gid ?? unchanged, flags), 'fchownat', path);
}

/** fchownat(2) of a descriptor, O_PATH too. */
export function fchown(fd: number, uid: number | null, gid: number | null): void {
  chownat(fd, '', uid, gid);
}

/** Nanoseconds since the epoch; null leaves a time as it is. */
export type NewTime = bigint | 'now' | null;

const times = Buffer.alloc(32);

function putTime(offset: number, time: NewTime): void {
  if (typeof time !== 'bigint') {
    times.writeBigInt64LE(0n, offset);
    times.writeBigInt64LE(time === null ? UTIME_OMIT : UTIME_NOW, offset + 8);
    return;
  }
  const nanoseconds = ((time % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  times.writeBigInt64LE((time - nanoseconds) / 1_000_000_000n, offset);
  times.writeBigInt64LE(nanoseconds, offset + 8);
}

/** utimensat(2), symbolic links not followed unless `flags` is 0. */
export function utimensat(
  dirFd: number,
  path: string,
  atime: NewTime,
  mtime: NewTime,
  flags = AT_SYMLINK_NOFOLLOW,
): void {
  putTime(0, atime);
  putTime(16, mtime);
  orThrow(c.utimensat(dirFd, cString(path), times, flags), 'utimensat', path);
}

/** futimens(3): the same for an open file. */
export function futimens(fd: number, atime: NewTime, mtime: NewTime): void {
  putTime(0, atime);
  putTime(16, mtime);
  orThrow(c.futimens(fd, times), 'futimens');
}
