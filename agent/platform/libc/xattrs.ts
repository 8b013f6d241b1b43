import { cString } from './bytes.ts';
import { errnos, must, negativeErrno, orThrow } from './errno.ts';
import { bind } from './library.ts';

type Bytes = Uint8Array;
/** One family for paths, one for open files: the first argument is what differs. */
function family<Target>(prefix: 'l' | 'f' | '', target: string) {
  const name = (call: string): string => `${prefix}${call}`;
  return {
    set: bind<(target: Target, name: Bytes, value: Bytes, size: number, flags: number) => number>(
      `int ${name('setxattr')}(${target}, const void *, const void *, size_t, int)`,
    ),
    get: bind<(target: Target, name: Bytes, value: Bytes | null, size: number) => number>(
      `int64_t ${name('getxattr')}(${target}, const void *, void *, size_t)`,
    ),
    list: bind<(target: Target, value: Bytes | null, size: number) => number>(
      `int64_t ${name('listxattr')}(${target}, void *, size_t)`,
    ),
    remove: bind<(target: Target, name: Bytes) => number>(`int ${name('removexattr')}(${target}, const void *)`),
  };
}
const byPath = family<Bytes>('l', 'const void *');
const throughPath = family<Bytes>('', 'const void *');
const byFd = family<number>('f', 'int');

/**
 * A path that reaches `path` below `dirFd`, for the calls that have no …at form. With an empty `path` it stands for the file
 * behind `dirFd`, which may be an O_PATH descriptor; then the calls have to follow it.
 */
export function procPath(dirFd: number, path: string): string {
  return path === '' ? `/proc/self/fd/${dirFd}` : `/proc/self/fd/${dirFd}/${path}`;
}

/** The calls that take a path and its `dirFd`: of the file itself, never of what a symbolic link points to. */
const pathCalls = (path: string): typeof byPath => (path === '' ? throughPath : byPath);

/** lsetxattr(2) below `dirFd`. `flags`: XATTR_CREATE, XATTR_REPLACE or 0. */
export function setxattrat(dirFd: number, path: string, name: string, value: Bytes, flags = 0): void {
  const target = cString(procPath(dirFd, path));
  orThrow(pathCalls(path).set(target, cString(name), value, value.byteLength, flags), 'setxattr', name);
}

/** lremovexattr(2) below `dirFd`. */
export function removexattrat(dirFd: number, path: string, name: string): void {
  orThrow(pathCalls(path).remove(cString(procPath(dirFd, path)), cString(name)), 'removexattr', name);
}

/** lgetxattr(2) below `dirFd` into `value`; with an empty buffer only its size. The negative error number on failure. */
export function tryGetxattrat(dirFd: number, path: string, name: string, value: Bytes): number {
  const target = cString(procPath(dirFd, path));
  const size = pathCalls(path).get(target, cString(name), value.byteLength === 0 ? null : value, value.byteLength);
  return size === -1 ? negativeErrno() : size;
}

/** llistxattr(2) below `dirFd`, raw: names with a NUL behind each. The negative error number on failure. */
export function tryListxattrat(dirFd: number, path: string, value: Bytes): number {
  const target = cString(procPath(dirFd, path));
  const size = pathCalls(path).list(target, value.byteLength === 0 ? null : value, value.byteLength);
  return size === -1 ? negativeErrno() : size;
}

/** The kernel's bound for one value and for one list of names, bytes. */
const XATTR_SIZE_MAX = 65536;

/** The value of an extended attribute, null when there is none. */
export function getxattrat(dirFd: number, path: string, name: string): Buffer | null {
  const value = Buffer.allocUnsafe(XATTR_SIZE_MAX);
  const size = tryGetxattrat(dirFd, path, name, value);
  if (size === -errnos.ENODATA) return null;
  return Buffer.from(value.subarray(0, must(size, 'getxattr', name)));
}

/** The names of all extended attributes; none where the file system has no such thing. */
export function listxattrat(dirFd: number, path: string): string[] {
  const list = Buffer.allocUnsafe(XATTR_SIZE_MAX);
  const size = tryListxattrat(dirFd, path, list);
  if (size === -errnos.EOPNOTSUPP) return [];
  return splitNames(list, must(size, 'listxattr', path));
}

function splitNames(list: Buffer, size: number): string[] {
  return list
    .toString('latin1', 0, size)
    .split('\0')
    .filter((name) => name !== '');
}

/** fsetxattr(2). */
export function fsetxattr(fd: number, name: string, value: Bytes, flags = 0): void {
  orThrow(byFd.set(fd, cString(name), value, value.byteLength, flags), 'fsetxattr', name);
}

/** fremovexattr(2). */
export function fremovexattr(fd: number, name: string): void {
  orThrow(byFd.remove(fd, cString(name)), 'fremovexattr', name);
}

/** The value of an extended attribute of an open file, null when there is none. */
export function fgetxattr(fd: number, name: string): Buffer | null {
  const value = Buffer.allocUnsafe(XATTR_SIZE_MAX);
  const size = byFd.get(fd, cString(name), value, value.byteLength);
  if (size === -1) {
    const error = negativeErrno();
    if (error === -errnos.ENODATA) return null;
    must(error, 'fgetxattr', name);
  }
  return Buffer.from(value.subarray(0, size));
}

/** The names of all extended attributes of an open file. */
export function flistxattr(fd: number): string[] {
  const list = Buffer.allocUnsafe(XATTR_SIZE_MAX);
  const size = byFd.list(fd, list, list.byteLength);
  if (size === -1) {
    const error = negativeErrno();
    if (error === -errnos.EOPNOTSUPP) return [];
    must(error, 'flistxattr');
  }
  return splitNames(list, size);
}
