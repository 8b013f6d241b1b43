import { cString } from './bytes.ts';
import { negativeErrno, orThrow } from './errno.ts';
import { bind } from './library.ts';

type Bytes = Uint8Array;
const c = {
  mkdirat: bind<(dirFd: number, path: Bytes, mode: number) => number>('int mkdirat(int, const void *, uint32_t)'),
  mknodat: bind<(dirFd: number, path: Bytes, mode: number, rdev: number) => number>(
    'int mknodat(int, const void *, uint32_t, uint64_t)',
  ),
  symlinkat: bind<(target: Bytes, dirFd: number, path: Bytes) => number>(
    'int symlinkat(const void *, int, const void *)',
  ),
  linkat: bind<(fromFd: number, from: Bytes, toFd: number, to: Bytes, flags: number) => number>(
    'int linkat(int, const void *, int, const void *, int)',
  ),
  unlinkat: bind<(dirFd: number, path: Bytes, flags: number) => number>('int unlinkat(int, const void *, int)'),
  renameat2: bind<(fromFd: number, from: Bytes, toFd: number, to: Bytes, flags: number) => number>(
    'int renameat2(int, const void *, int, const void *, uint32_t)',
  ),
  readlinkat: bind<(dirFd: number, path: Bytes, buffer: Bytes, size: number) => number>(
    'int64_t readlinkat(int, const void *, void *, size_t)',
  ),
};

/** mkdirat(2). */
export function mkdirat(dirFd: number, path: string, mode: number): void {
  orThrow(c.mkdirat(dirFd, cString(path), mode), 'mkdirat', path);
}

/** mknodat(2). `mode` with the file type bits, `rdev` as {@link FileStat.rdev}. */
export function mknodat(dirFd: number, path: string, mode: number, rdev: number): void {
  orThrow(c.mknodat(dirFd, cString(path), mode, rdev), 'mknodat', path);
}

/** symlinkat(2). */
export function symlinkat(target: string, dirFd: number, path: string): void {
  orThrow(c.symlinkat(cString(target), dirFd, cString(path)), 'symlinkat', path);
}

/** linkat(2). */
export function linkat(fromFd: number, from: string, toFd: number, to: string, flags = 0): void {
  orThrow(c.linkat(fromFd, cString(from), toFd, cString(to), flags), 'linkat', to);
}

/** unlinkat(2); with AT_REMOVEDIR rmdir. */
export function unlinkat(dirFd: number, path: string, flags = 0): void {
  orThrow(c.unlinkat(dirFd, cString(path), flags), 'unlinkat', path);
}

/** As {@link unlinkat}; the negative error number on failure. */
export function tryUnlinkat(dirFd: number, path: string, flags = 0): number {
  return c.unlinkat(dirFd, cString(path), flags) === -1 ? negativeErrno() : 0;
}

/** renameat2(2) with RENAME_NOREPLACE or RENAME_EXCHANGE. */
export function renameat2(fromFd: number, from: string, toFd: number, to: string, flags = 0): void {
  orThrow(c.renameat2(fromFd, cString(from), toFd, cString(to), flags), 'renameat2', from);
}

/** readlinkat(2): the target as a byte string. An empty path reads the link that `dirFd` (O_PATH|O_NOFOLLOW) stands for. */
export function readlinkat(dirFd: number, path: string): string {
  const buffer = Buffer.allocUnsafe(4096);
  const size = orThrow(c.readlinkat(dirFd, cString(path), buffer, buffer.length), 'readlinkat', path);
  return buffer.toString('latin1', 0, size);
}
