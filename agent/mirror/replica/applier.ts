import {
  AT_REMOVEDIR,
  chownat,
  close,
  ErrnoError,
  errnos,
  fallocate,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_ZERO_RANGE,
  fchmod,
  fchown,
  fstat,
  ftruncate,
  linkat,
  mkdirat,
  mknodat,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDWR,
  openat,
  pwriteCachedFully,
  pwriteFully,
  removexattrat,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  renameat2,
  S_IFDIR,
  S_IFMT,
  setxattrat,
  symlinkat,
  tryUnlinkat,
  unlinkat,
  utimensat,
} from '../../platform/libc.ts';
import type { FileRef, Mutation } from '../mutation.ts';
import { joinPath, type ReplicaTree } from './tree.ts';

const OPEN_FILES = 256;

interface OpenFile {
  readonly fd: number;
  /** Numbers of the last change of its owner, mode and the like, and of the last one that is known to be durable. */
  attributes: number;
  durable: number;
}

/** Makes an open file durable, or begins to, which it tells. With `datasync` as fdatasync(2); `noteDurable` is to be called when it is. */
export type MakeDurable = (fd: number, datasync: boolean, noteDurable: () => void) => boolean;

/** Applies what the primary changed to this replica's files, in the primary's order. */
export class Applier {
  readonly #tree: ReplicaTree;
  readonly #excluded: (path: string) => boolean;
  /** Open files by the primary's inode number, the least recently used first. */
  readonly #files = new Map<number, OpenFile>();
  #attributes = 0;

  constructor(tree: ReplicaTree, excluded: (path: string) => boolean) {
    this.#tree = tree;
    this.#excluded = excluded;
  }

  /** @throws ErrnoError when the change cannot be made */
  apply(mutation: Mutation): void {
    const tree = this.#tree;
    switch (mutation.kind) {
      case 'write':
        pwriteCachedFully(this.file(mutation.file), mutation.data, mutation.offset);
        return;
      case 'truncate':
        ftruncate(this.file(mutation.file), mutation.size);
        return;
      case 'fallocate':
        this.#fallocate(this.file(mutation.file), mutation.mode, mutation.offset, mutation.length);
        return;
      case 'create': {
        this.forget(mutation.ino);
        const { dirFd, name } = tree.locate(mutation.path);
        const fd = openat(dirFd, name, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, 0o600);
        this.#remember(mutation.ino, fd);
        fchown(fd, mutation.uid, mutation.gid);
        // After chown, which takes setuid and setgid away.
        fchmod(fd, mutation.mode & 0o7777);
        return;
      }
      case 'mkdir': {
        this.forget(mutation.ino);
        const { dirFd, name } = tree.locate(mutation.path);
        mkdirat(dirFd, name, 0o700);
        chownat(dirFd, name, mutation.uid, mutation.gid);
        tree.chmod(mutation.path, mutation.mode);
        return;
      }
      case 'mknod': {
        this.forget(mutation.ino);
        const { dirFd, name } = tree.locate(mutation.path);
        mknodat(dirFd, name, mutation.mode, mutation.rdev);
        chownat(dirFd, name, mutation.uid, mutation.gid);
        tree.chmod(mutation.path, mutation.mode);
        return;
      }
      case 'symlink': {
        this.forget(mutation.ino);
        const { dirFd, name } = tree.locate(mutation.path);
        symlinkat(mutation.target, dirFd, name);
        chownat(dirFd, name, mutation.uid, mutation.gid);
        return;
      }
      case 'link': {
        const from = tree.locate(pathOf(mutation.file));
        const to = tree.locate(mutation.path);
        linkat(from.dirFd, from.name, to.dirFd, to.name);
        return;
      }
      case 'unlink': {
        const { dirFd, name } = tree.locate(mutation.path);
        unlinkat(dirFd, name);
        // The number may be given to another file from now on.
        this.forget(mutation.ino);
        return;
      }
      case 'rmdir':
        this.#removeDirectory(mutation.path);
        return;
      case 'rename': {
        const target = tree.stat(mutation.to);
        // A directory that another one takes the place of is empty on the primary.
        const replaced = (mutation.flags & (RENAME_NOREPLACE | RENAME_EXCHANGE)) === 0 ? target : null;
        if (replaced !== null && (replaced.mode & S_IFMT) === S_IFDIR) this.#removeLeftovers(mutation.to);
        const from = tree.locate(mutation.from);
        const to = tree.locate(mutation.to);
        renameat2(from.dirFd, from.name, to.dirFd, to.name, mutation.flags);
        tree.forgetDirectories();
        if (target !== null) this.closeRemoved();
        return;
      }
      case 'chmod': {
        this.#noteAttributes(mutation.file.ino);
        const path = pathOf(mutation.file);
        tree.chmod(path, mutation.mode);
        return;
      }
      case 'chown': {
        this.#noteAttributes(mutation.file.ino);
        const { dirFd, name } = tree.locate(pathOf(mutation.file));
        chownat(dirFd, name, mutation.uid, mutation.gid);
        return;
      }
      case 'utimens': {
        const { dirFd, name } = tree.locate(pathOf(mutation.file));
        utimensat(dirFd, name, mutation.atime, mutation.mtime);
        return;
      }
      case 'setxattr': {
        this.#noteAttributes(mutation.file.ino);
        const { dirFd, name } = tree.locate(pathOf(mutation.file));
        // The primary's own call obeyed XATTR_CREATE or XATTR_REPLACE already.
        setxattrat(dirFd, name, mutation.name, mutation.value, 0);
        return;
      }
      case 'removexattr': {
        this.#noteAttributes(mutation.file.ino);
        const { dirFd, name } = tree.locate(pathOf(mutation.file));
        removexattrat(dirFd, name, mutation.name);
        return;
      }
    }
  }

  /** The open file of a reference; opens it by its path. Belongs to the cache. */
  file(file: FileRef): number {
    return this.#open(file).fd;
  }

  #open(file: FileRef): OpenFile {
    const known = this.#files.get(file.ino);
    if (known !== undefined) {
      this.#files.delete(file.ino);
      this.#files.set(file.ino, known);
      return known;
    }
    return this.#remember(file.ino, this.#tree.open(pathOf(file), O_RDWR | O_NONBLOCK));
  }

  #remember(ino: number, fd: number): OpenFile {
    for (const [oldest, { fd: oldFd }] of this.#files) {
      if (this.#files.size < OPEN_FILES) break;
      close(oldFd);
      this.#files.delete(oldest);
    }
    // Of one that was just made they are not durable, of others nobody knows.
    const opened = { fd, attributes: ++this.#attributes, durable: 0 };
    this.#files.set(ino, opened);
    return opened;
  }

  #noteAttributes(ino: number): void {
    const opened = this.#files.get(ino);
    if (opened) opened.attributes = ++this.#attributes;
  }

  /** The number means another file, or none, from now on. */
  forget(ino: number): void {
    const opened = this.#files.get(ino);
    if (opened === undefined) return;
    close(opened.fd);
    this.#files.delete(ino);
  }

  /** The number means the local file of that inode number, whatever was open for it. */
  keepOnly(ino: number, localIno: number): void {
    const opened = this.#files.get(ino);
    if (opened !== undefined && fstat(opened.fd).ino !== localIno) this.forget(ino);
  }

  /** Closes every file, for the end of a session or when names were changed behind the cache. */
  forgetAll(): void {
    for (const { fd } of this.#files.values()) close(fd);
    this.#files.clear();
    this.#tree.forgetDirectories();
  }

  /**
   * Makes one file durable; a file that is not there any more needs nothing. fdatasync(2) suffices only while owner and mode are durable: the
   * primary's file got them when it was made, this one in steps of their own, which a file system may make durable later than the file.
   * @param make the descriptor may be closed meanwhile
   * @returns whether it was only begun
   */
  flush(file: FileRef, datasync: boolean, make: MakeDurable): boolean {
    if (file.path === null) return false;
    if (file.path === '') {
      // Also what a syncfs(2) of the guest's comes as: everything.
      this.#tree.sync();
      return false;
    }
    let opened: OpenFile;
    try {
      opened = this.#open(file);
    } catch (error) {
      if (!(error instanceof ErrnoError) || (error.errno !== errnos.EISDIR && error.errno !== errnos.ENXIO)) {
        throw error;
      }
      const directory = this.#tree.open(file.path, O_NONBLOCK);
      try {
        return make(directory, false, () => {});
      } finally {
        close(directory);
      }
    }
    const { fd, attributes, durable } = opened;
    if (datasync && durable >= attributes) return make(fd, true, () => {});
    return make(fd, false, () => (opened.durable = Math.max(opened.durable, attributes)));
  }

  #fallocate(fd: number, mode: number, offset: number, length: number): void {
    try {
      fallocate(fd, mode, offset, length);
    } catch (error) {
      if (!(error instanceof ErrnoError) || error.errno !== errnos.EOPNOTSUPP) throw error;
      // Another file system than the primary's: the same content without the same allocation.
      const { size } = fstat(fd);
      if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) !== 0) {
        const end = (mode & FALLOC_FL_KEEP_SIZE) !== 0 ? Math.min(size, offset + length) : offset + length;
        const zeros = Buffer.alloc(Math.min(1 << 20, Math.max(0, end - offset)));
        for (let at = offset; at < end; at += zeros.length) {
          pwriteFully(fd, zeros.subarray(0, Math.min(zeros.length, end - at)), at);
        }
      } else if (mode === 0) {
        if (offset + length > size) ftruncate(fd, offset + length);
      } else if (mode !== FALLOC_FL_KEEP_SIZE) {
        throw error;
      }
    }
  }

  #removeDirectory(path: string): void {
    const { dirFd, name } = this.#tree.locate(path);
    const result = tryUnlinkat(dirFd, name, AT_REMOVEDIR);
    this.#tree.forgetDirectories();
    if (result === 0) return;
    if (result !== -errnos.ENOTEMPTY) throw new ErrnoError(-result, 'rmdir', path);
    if (!this.#removeLeftovers(path)) throw new ErrnoError(errnos.ENOTEMPTY, 'rmdir', path);
    const place = this.#tree.locate(path);
    unlinkat(place.dirFd, place.name, AT_REMOVEDIR);
    this.#tree.forgetDirectories();
  }

  /** Names that are not replicated may have stayed behind from an earlier life as the primary. @returns whether there was nothing else */
  #removeLeftovers(path: string): boolean {
    const names = this.#tree.names(path);
    if (!names.every((each) => this.#excluded(joinPath(path, each)))) return false;
    for (const each of names) this.#tree.removeTree(joinPath(path, each));
    return true;
  }

  /** A file that lost its last name must not keep its space. During a resync it may have one where its content is kept, until that is dropped. */
  closeRemoved(): void {
    for (const [ino, { fd }] of this.#files) {
      if (fstat(fd).nlink === 0) this.forget(ino);
    }
  }
}

function pathOf(file: FileRef): string {
  if (file.path === null) throw new ErrnoError(errnos.ENOENT, 'path', `file ${file.ino} has no name`);
  return file.path;
}
