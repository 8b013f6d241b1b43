import {
  chmodat,
  close,
  errnos,
  ErrnoError,
  fromByteString,
  getxattrat,
  listxattrat,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  openat,
  readEntries,
  readlinkat,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  syncfs,
  timeNs,
  AT_FDCWD,
  AT_REMOVEDIR,
  tryStatat,
  tryUnlinkat,
  unlinkat,
  type FileStat,
} from '../../platform/libc.ts';
import { MalformedMessage } from '../link/bytes.ts';
import { ONE_ROOT, type Roots } from './roots.ts';
import { bind } from '../../platform/libc/library.ts';
import { negativeErrno } from '../../platform/libc/errno.ts';
import { cString } from '../../platform/libc/bytes.ts';

/** openat2(2): the same number on every architecture of Linux. */
const OPENAT2 = 437;
const RESOLVE_NO_MAGICLINKS = 2;
const RESOLVE_NO_SYMLINKS = 4;
const RESOLVE_BENEATH = 8;
const openat2 = bind<(call: number, dirFd: number, path: Uint8Array, how: Uint8Array, size: number) => number>(
  'int64_t syscall(int64_t, int, const void *, void *, size_t)',
);

/** An extended attribute. */
export interface Xattr {
  readonly name: string;
  readonly value: Buffer;
}

/** A file as both replicas must agree on it. */
export interface Entry {
  readonly name: string;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly rdev: number;
  readonly mtime: bigint;
  /** Of a symbolic link, else ''. */
  readonly target: string;
  readonly xattrs: readonly Xattr[];
}

export interface Place {
  /** O_PATH descriptor of the directory; belongs to the tree, which may close it once two more places were located. */
  readonly dirFd: number;
  readonly name: string;
}

const DIRECTORY_CACHE = 64;

/** '' for the root: the mirrored directory itself, or what several lie below. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

export function joinPath(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}

/**
 * The files of one replica, reached from the descriptor of its root only. No path leads out of it: '..', absolute paths and
 * symbolic links on the way are refused.
 */
export class ReplicaTree {
  readonly rootFd: number;
  readonly roots: Roots;
  readonly #rootFds: readonly number[];
  readonly #directories = new Map<string, number>();
  readonly #how = Buffer.alloc(24);

  /**
   * @param rootFd a readable descriptor of the mirrored directory, or of what several of them lie below
   * @param rootFds of several: one of each, by which they are made durable
   */
  constructor(rootFd: number, roots = ONE_ROOT, rootFds: readonly number[] = [rootFd]) {
    this.rootFd = rootFd;
    this.roots = roots;
    this.#rootFds = rootFds;
  }

  /** Makes everything durable. @throws ErrnoError when a disk failed */
  sync(): void {
    for (const fd of this.#rootFds) syncfs(fd);
  }

  /** Where the last name of a path lies. */
  locate(path: string): Place {
    checkPath(path);
    if (path === '') return { dirFd: this.rootFd, name: '.' };
    const slash = path.lastIndexOf('/');
    if (slash < 0) return { dirFd: this.rootFd, name: path };
    return { dirFd: this.#directory(path.slice(0, slash)), name: path.slice(slash + 1) };
  }

  #directory(path: string): number {
    const known = this.#directories.get(path);
    const fd = known ?? this.#openBeneath(path, O_PATH | O_DIRECTORY);
    if (known === undefined && this.#directories.size >= DIRECTORY_CACHE) this.#forgetOldest();
    // The last one in the map is the last one used: a link or a rename needs two at a time.
    if (known !== undefined) this.#directories.delete(path);
    this.#directories.set(path, fd);
    return fd;
  }

  #forgetOldest(): void {
    for (const [path, fd] of this.#directories) {
      this.#directories.delete(path);
      close(fd);
      return;
    }
  }

  #openBeneath(path: string, flags: number): number {
    this.#how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
    this.#how.writeBigUInt64LE(BigInt(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS), 16);
    const fd = openat2(OPENAT2, this.rootFd, cString(path), this.#how, 24);
    if (fd === -1) throw new ErrnoError(-negativeErrno(), 'openat2', path);
    return fd;
  }

  /** After a directory was renamed or removed. */
  forgetDirectories(): void {
    for (const fd of this.#directories.values()) close(fd);
    this.#directories.clear();
  }

  /** Opens a file; never follows a symbolic link. The caller closes it. */
  open(path: string, flags: number): number {
    const { dirFd, name } = this.locate(path);
    return openat(dirFd, name, flags | O_NOFOLLOW);
  }

  /** Null when nothing is there. */
  stat(path: string): FileStat | null {
    let place: Place;
    try {
      place = this.locate(path);
    } catch (error) {
      if (error instanceof ErrnoError && isAbsence(error.errno)) return null;
      throw error;
    }
    const stat = tryStatat(place.dirFd, place.name);
    if (typeof stat !== 'number') return stat;
    if (isAbsence(-stat)) return null;
    throw new ErrnoError(-stat, 'statx', path);
  }

  /** All attributes of a file; null when nothing is there. */
  entry(path: string): Entry | null {
    const stat = this.stat(path);
    if (stat === null) return null;
    const entry = this.#entry(this.locate(path), stat);
    // What several directories lie below is no file of anybody's: whatever a host attaches to it is its own.
    return path === '' && this.roots.length > 1 ? { ...entry, xattrs: [] } : entry;
  }

  #entry(place: Place, stat: FileStat): Entry {
    const type = stat.mode & S_IFMT;
    return {
      name: place.name,
      ino: stat.ino,
      mode: stat.mode,
      nlink: stat.nlink,
      uid: stat.uid,
      gid: stat.gid,
      size: type === S_IFDIR ? 0 : stat.size,
      rdev: stat.rdev,
      mtime: timeNs(stat.mtimeSec, stat.mtimeNsec),
      target: type === S_IFLNK ? readlinkat(place.dirFd, place.name) : '',
      xattrs: readXattrs(place),
    };
  }

  /** The entries of a directory by name. Entries that vanish meanwhile are left out. @throws ErrnoError ENOENT, ENOTDIR */
  list(path: string, wanted: (name: string) => boolean = () => true): Entry[] {
    const fd = this.open(path, O_RDONLY | O_DIRECTORY);
    try {
      const entries: Entry[] = [];
      const names = readEntries(fd).map((entry) => entry.name);
      for (const name of names.filter((each) => each !== '.' && each !== '..' && wanted(each)).sort()) {
        const stat = tryStatat(fd, name);
        if (typeof stat === 'number') {
          if (isAbsence(-stat)) continue;
          throw new ErrnoError(-stat, 'statx', joinPath(path, name));
        }
        entries.push(this.#entry({ dirFd: fd, name }, stat));
      }
      return entries;
    } finally {
      close(fd);
    }
  }

  /** The names in a directory. */
  names(path: string): string[] {
    const fd = this.open(path, O_RDONLY | O_DIRECTORY);
    try {
      return readEntries(fd)
        .map((entry) => entry.name)
        .filter((name) => name !== '.' && name !== '..');
    } finally {
      close(fd);
    }
  }

  /** chmod of anything but a symbolic link, which keeps no mode of its own. */
  chmod(path: string, mode: number): void {
    const fd = this.open(path, O_PATH);
    try {
      chmodat(AT_FDCWD, `/proc/self/fd/${fd}`, mode & 0o7777);
    } finally {
      close(fd);
    }
  }

  /** Removes whatever is at a path, with everything below it. `onStep` is called now and then. */
  removeTree(path: string, onStep: () => void = () => {}): void {
    const { dirFd, name } = this.locate(path);
    const removed = tryUnlinkat(dirFd, name);
    if (removed === 0 || isAbsence(-removed)) return;
    if (removed !== -errnos.EISDIR && removed !== -errnos.EPERM) throw new ErrnoError(-removed, 'unlinkat', path);
    for (const child of this.names(path)) {
      onStep();
      this.removeTree(joinPath(path, child), onStep);
    }
    this.forgetDirectories();
    const place = this.locate(path);
    unlinkat(place.dirFd, place.name, AT_REMOVEDIR);
  }

  /** Finds a name of an inode by looking through the whole tree, but for what is excluded; null when no name is left. */
  findInode(ino: number, excluded: (path: string) => boolean): string | null {
    const pending = [''];
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      const fd = this.open(directory, O_RDONLY | O_DIRECTORY);
      try {
        for (const entry of readEntries(fd)) {
          if (entry.name === '.' || entry.name === '..') continue;
          const path = joinPath(directory, entry.name);
          if (excluded(path)) continue;
          if (entry.ino === ino) return path;
          if (entry.type === S_IFDIR >> 12) pending.push(path);
        }
      } finally {
        close(fd);
      }
    }
    return null;
  }
}

/** A directory on the way may be something else by now, a symbolic link too, which is never followed. */
function isAbsence(errno: number): boolean {
  return errno === errnos.ENOENT || errno === errnos.ENOTDIR || errno === errnos.ELOOP;
}

/** @throws MalformedMessage for a path that is not a plain one below the mirrored directory: no honest primary sends one */
export function checkPath(path: string): void {
  if (path !== '' && /(^|\/)\.{0,2}(\/|$)/.test(path)) {
    throw new MalformedMessage(`the path ${JSON.stringify(fromByteString(path))} leads out of the mirrored directory`);
  }
}

function readXattrs({ dirFd, name }: Place): Xattr[] {
  const xattrs: Xattr[] = [];
  for (const each of listxattrat(dirFd, name).sort()) {
    const value = getxattrat(dirFd, name, each);
    if (value !== null) xattrs.push({ name: each, value });
  }
  return xattrs;
}
