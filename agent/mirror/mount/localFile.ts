import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  ErrnoError,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  S_IFDIR,
  S_IFLNK,
  chmodat,
  chownat,
  close,
  errnos,
  fchown,
  fileSystemOfNumber,
  fstatfs,
  ftruncate,
  listDirectory,
  openat,
  statat,
  tryStatat,
  utimensat,
} from '../../platform/libc.ts';
import type { FileStat, FileSystemStat, NewTime } from '../../platform/libc.ts';
import { ONE_ROOT, rootOf, syncRoots, type Roots } from '../replica/roots.ts';
import type { FuseNode, NodeTable } from './nodes.ts';

/** Where a call finds a file: a path below a directory descriptor. */
export interface Place {
  readonly dirFd: number;
  /** Never empty. */
  readonly path: string;
  /** The descriptor that `path`, a link in /proc to be followed, stands for; -1 when `path` is an ordinary one. */
  readonly heldFd: number;
}

const flagsOf = (place: Place): number => (place.heldFd === -1 ? AT_SYMLINK_NOFOLLOW : 0);

/** The files below the mount, reached by node: by path while it has one, by a held descriptor afterwards. */
export class LocalFiles {
  readonly backingFd: number;
  readonly roots: Roots;
  readonly #nodes: NodeTable;

  constructor(backingFd: number, nodes: NodeTable, roots = ONE_ROOT) {
    this.backingFd = backingFd;
    this.roots = roots;
    this.#nodes = nodes;
  }

  /** Where the file of a node is. Throws ESTALE when nothing leads to it any more. */
  place(node: FuseNode): Place {
    const path = this.#nodes.path(node);
    if (path !== null) return { dirFd: this.backingFd, path: path === '' ? '.' : path, heldFd: -1 };
    const fd = node.orphanFd !== -1 ? node.orphanFd : node.openFds[0];
    if (fd === undefined) throw new ErrnoError(errnos.ESTALE, 'fuse node');
    return { dirFd: AT_FDCWD, path: `/proc/self/fd/${fd}`, heldFd: fd };
  }

  /** The path of a name in a directory. Throws ENOENT when the directory itself was removed. */
  childPath(parent: FuseNode, name: string): string {
    const path = this.#nodes.path(parent);
    if (path === null) throw new ErrnoError(errnos.ENOENT, 'fuse node');
    return path === '' ? name : `${path}/${name}`;
  }

  stat(node: FuseNode): FileStat {
    const place = this.place(node);
    return statat(place.dirFd, place.path, flagsOf(place));
  }

  /** The status of a name below the root; the negative error number on failure. */
  tryStat(path: string): FileStat | number {
    return tryStatat(this.backingFd, path);
  }

  chmod(node: FuseNode, mode: number): void {
    // Linux keeps no mode for symbolic links, and fchmodat would follow this one.
    if (node.type === S_IFLNK) throw new ErrnoError(errnos.EOPNOTSUPP, 'chmod');
    const place = this.place(node);
    chmodat(place.dirFd, place.path, mode);
  }

  chown(node: FuseNode, uid: number | null, gid: number | null): void {
    const place = this.place(node);
    if (place.heldFd === -1) chownat(place.dirFd, place.path, uid, gid);
    else fchown(place.heldFd, uid, gid);
  }

  setTimes(node: FuseNode, atime: NewTime, mtime: NewTime): void {
    const place = this.place(node);
    utimensat(place.dirFd, place.path, atime, mtime, flagsOf(place));
  }

  /** Sets the size through `fd` when it is given, which must be open for writing. */
  truncate(node: FuseNode, size: number, fd?: number): void {
    if (fd !== undefined) return ftruncate(fd, size);
    const place = this.place(node);
    const opened = openat(place.dirFd, place.path, O_WRONLY | O_NONBLOCK | (place.heldFd === -1 ? O_NOFOLLOW : 0));
    try {
      ftruncate(opened, size);
    } finally {
      close(opened);
    }
  }

  /** `mode` counts for O_TMPFILE, in a directory. */
  open(node: FuseNode, flags: number, mode = 0): number {
    const place = this.place(node);
    return openat(place.dirFd, place.path, flags | (place.heldFd === -1 ? O_NOFOLLOW : 0), mode);
  }

  /** statfs(2) of the file system that a node lies on. */
  statFileSystem(node: FuseNode): FileSystemStat {
    const path = this.#nodes.path(node);
    // What has no name any more is known by its number.
    const root = path === null ? (this.roots[fileSystemOfNumber(node.ino)] ?? '') : rootOf(this.roots, path);
    if (root === '') return fstatfs(this.backingFd);
    const fd = openat(this.backingFd, root, O_PATH);
    try {
      return fstatfs(fd);
    } finally {
      close(fd);
    }
  }

  /** Makes everything durable. */
  sync(): void {
    const fd = openat(this.backingFd, '.', O_RDONLY | O_DIRECTORY);
    try {
      syncRoots(fd, this.roots);
    } finally {
      close(fd);
    }
  }

  /** An O_PATH descriptor of a name below the root: holds the file, whatever becomes of its names. */
  hold(path: string): number {
    return openat(this.backingFd, path, O_PATH | O_NOFOLLOW);
  }

  /** A path of an inode number, found by looking through the whole tree; null when none is there. */
  findName(ino: number): string | null {
    const directories = [''];
    for (let path = directories.pop(); path !== undefined; path = directories.pop()) {
      for (const entry of listDirectory(this.backingFd, path)) {
        const child = path === '' ? entry.name : `${path}/${entry.name}`;
        if (entry.ino === ino) return child;
        if (entry.type === S_IFDIR >>> 12) directories.push(child);
      }
    }
    return null;
  }
}
