import { cString } from './bytes.ts';
import { AT_FDCWD } from './constants.ts';
import { orThrow } from './errno.ts';
import { bind } from './library.ts';

type Bytes = Uint8Array;
const c = {
  mount: bind<(source: Bytes, target: Bytes, type: Bytes | null, flags: number, data: Bytes | null) => number>(
    'int mount(const void *, const void *, const void *, uint64_t, const void *)',
  ),
  openTree: bind<(call: number, dirFd: number, path: Bytes, flags: number) => number>(
    'int64_t syscall(int64_t, int, const void *, unsigned int)',
  ),
  umount2: bind<(target: Bytes, flags: number) => number>('int umount2(const void *, int)'),
};

export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_REMOUNT = 32;
export const MS_BIND = 4096;
export const MS_PRIVATE = 1 << 18;
export const MNT_FORCE = 1;
export const MNT_DETACH = 2;
export const MNT_EXPIRE = 4;
export const UMOUNT_NOFOLLOW = 8;

/** mount(2). Paths are byte strings. */
export function mount(source: string, target: string, type: string | null, flags: number, data: string | null): void {
  const result = c.mount(
    cString(source),
    cString(target),
    type === null ? null : cString(type),
    flags,
    data === null ? null : cString(data),
  );
  orThrow(result, 'mount', target);
}

/** umount2(2). */
export function umount(target: string, flags = 0): void {
  orThrow(c.umount2(cString(target), flags | UMOUNT_NOFOLLOW), 'umount2', target);
}

/** open_tree(2): the same number on every architecture of Linux. */
const OPEN_TREE = 428;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const AT_RECURSIVE = 0x8000;

/**
 * A copy of the mount at `path` and of all below it, which nobody finds in the name space. It lives as long as the descriptor (O_PATH), whoever
 * holds it.
 */
export function cloneMounts(path: string): number {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE;
  return orThrow(c.openTree(OPEN_TREE, AT_FDCWD, cString(path), flags), 'open_tree', path);
}
