import { join } from 'node:path';
import {
  AT_FDCWD,
  chownat,
  close,
  ftruncate,
  fstat,
  linkat,
  mkdirat,
  mknodat,
  O_NOATIME,
  O_NONBLOCK,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  openat,
  pwriteFully,
  removexattrat,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  setxattrat,
  symlinkat,
  toByteString,
  utimensat,
} from '../../platform/libc.ts';
import { MirrorError } from '../mirrorError.ts';
import { clearRange, copyContent, withFile } from '../resync/content.ts';
import { rootOf } from '../replica/roots.ts';
import { type Entry, joinPath, type ReplicaTree } from '../replica/tree.ts';
import { RecordFile } from './recordFile.ts';
import {
  decodeImage,
  type Described,
  filesDirectory,
  imagesFile,
  linkedFiles,
  readDescription,
  undoDirectory,
} from './undoFormat.ts';
import { pathsBelow } from './undoJournal.ts';

const typeOf = (entry: { readonly mode: number }): number => entry.mode & S_IFMT;

/** A file whose content was put back, by its inode number now. */
export interface RolledBack {
  readonly ino: number;
  /** Null: the whole file. */
  readonly range: { readonly start: number; readonly end: number } | null;
}

/**
 * Makes a replica again what it was before the resync that was not finished. It goes by what should be there, not by what was done: after
 * a crash at any moment it can be run again, from the start, with the same result. What was kept stays until the caller drops it.
 * @returns what was changed, for the zone marks
 * @throws MirrorError "undo-damaged" before anything is changed, ErrnoError
 */
export async function rollBack(tree: ReplicaTree, stateDirectory: string): Promise<RolledBack[]> {
  const work = new RollBack(tree, undoDirectory(stateDirectory));
  return work.run();
}

class RollBack {
  readonly #tree: ReplicaTree;
  readonly #undo: string;
  readonly #wanted = new Map<string, Entry>();
  /** Files kept as a whole, by their inode number then. */
  readonly #kept = new Map<number, { copied: boolean }>();
  /** What the inode number of each file is now. */
  readonly #now = new Map<number, number>();
  readonly #changed: RolledBack[] = [];
  #pausedAt = performance.now();
  /** Folder of each root in which its files are held while names are put right. */
  #hold = '.understudy-rollback';
  /** The root that each file lay in. */
  readonly #rootOfFile = new Map<number, string>();

  constructor(tree: ReplicaTree, undo: string) {
    this.#tree = tree;
    this.#undo = undo;
  }

  async run(): Promise<RolledBack[]> {
    const described = readDescription(this.#undo);
    if (described === null) throw damaged('its description is incomplete');
    const { roots } = this.#tree;
    for (const { path, entry } of described) {
      this.#wanted.set(path, entry);
      if (typeOf(entry) === S_IFREG) this.#rootOfFile.set(entry.ino, rootOf(roots, path));
    }
    for (const { payload } of RecordFile.read(imagesFile(this.#undo))) {
      const image = decodeImage(payload);
      if (image.kind === 'copy') this.#kept.set(image.ino, { copied: true });
      await this.#pause();
    }
    for (const ino of linkedFiles(this.#undo, this.#tree.rootFd)) this.#kept.set(ino, { copied: false });
    while (this.#holds().some((hold) => this.#wanted.has(hold))) this.#hold += '-';
    await this.#holdFiles();
    this.#tree.sync();
    await this.#removeOthers();
    await this.#makeNames(described);
    await this.#putContent(described);
    for (const hold of this.#holds()) this.#tree.removeTree(hold);
    await this.#putAttributes(described);
    this.#tree.sync();
    this.#tree.forgetDirectories();
    return this.#changed;
  }

  #holds(): readonly string[] {
    return this.#tree.roots.map((root) => joinPath(root, this.#hold));
  }

  /** Where a file is held, by its inode number then. */
  #placeInHold(ino: number): string {
    return joinPath(joinPath(this.#rootOfFile.get(ino) ?? this.#tree.roots[0] ?? '', this.#hold), String(ino));
  }

  /** Lets the process do other things now and then. */
  async #pause(): Promise<void> {
    if (performance.now() - this.#pausedAt < 50) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#pausedAt = performance.now();
  }

  /** Gives every file that was there a name in the folder, by which it survives whatever is removed. */
  async #holdFiles(): Promise<void> {
    const tree = this.#tree;
    for (const hold of this.#holds()) {
      const { dirFd, name } = tree.locate(hold);
      if (tree.stat(hold) === null) mkdirat(dirFd, name, 0o700);
    }
    const originals = new Set<number>();
    for (const entry of this.#wanted.values()) if (typeOf(entry) === S_IFREG) originals.add(entry.ino);
    for (const [ino, { copied }] of this.#kept) {
      const held = this.#placeInHold(ino);
      const from = join(filesDirectory(this.#undo), String(ino));
      tree.removeTree(held);
      if (copied) {
        const { dirFd, name } = tree.locate(held);
        withFile(openat(AT_FDCWD, toByteString(from), O_RDONLY, 0), (source) =>
          withFile(openat(dirFd, name, O_CREAT | O_EXCL | O_RDWR, 0o600), (target) => copyContent(source, target)),
        );
      } else this.#link(from, held);
      this.#now.set(ino, tree.stat(held)?.ino ?? -1);
      this.#changed.push({ ino: this.#now.get(ino) ?? -1, range: null });
      await this.#pause();
    }
    for (const path of pathsBelow(tree, '')) {
      const stat = tree.stat(path);
      await this.#pause();
      if (stat === null || typeOf(stat) !== S_IFREG || !originals.has(stat.ino) || this.#now.has(stat.ino)) continue;
      this.#now.set(stat.ino, stat.ino);
      const held = this.#placeInHold(stat.ino);
      if (this.#wanted.get(path)?.ino === stat.ino || path === held) continue;
      const from = tree.locate(path);
      const to = tree.locate(held);
      if (tree.stat(held) === null) linkat(from.dirFd, from.name, to.dirFd, to.name);
    }
    for (const ino of originals) if (!this.#now.has(ino)) throw damaged(`file ${ino} is gone`);
  }

  #link(from: string, held: string): void {
    const { dirFd, name } = this.#tree.locate(held);
    linkat(AT_FDCWD, toByteString(from), dirFd, name);
  }

  async #removeOthers(): Promise<void> {
    const holds = new Set(this.#holds());
    const pending = [...this.#tree.roots];
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      for (const name of this.#tree.names(directory)) {
        const path = joinPath(directory, name);
        await this.#pause();
        if (holds.has(path)) continue;
        if (!this.#inPlace(path)) this.#tree.removeTree(path);
        else if (this.#isDirectory(path)) pending.push(path);
      }
    }
    this.#tree.forgetDirectories();
  }

  #isDirectory(path: string): boolean {
    const stat = this.#tree.stat(path);
    return stat !== null && typeOf(stat) === S_IFDIR;
  }

  #inPlace(path: string): boolean {
    const wanted = this.#wanted.get(path);
    const found = this.#tree.entry(path);
    if (wanted === undefined || found === null || typeOf(found) !== typeOf(wanted)) return false;
    if (typeOf(wanted) === S_IFREG) return found.ino === this.#now.get(wanted.ino);
    if (typeOf(wanted) === S_IFLNK) return found.target === wanted.target;
    return typeOf(wanted) === S_IFDIR || found.rdev === wanted.rdev;
  }

  async #makeNames(described: readonly Described[]): Promise<void> {
    for (const { path, entry } of described) {
      await this.#pause();
      if (path === '' || this.#tree.stat(path) !== null) continue;
      const { dirFd, name } = this.#tree.locate(path);
      switch (typeOf(entry)) {
        case S_IFDIR:
          mkdirat(dirFd, name, 0o700);
          break;
        case S_IFLNK:
          symlinkat(entry.target, dirFd, name);
          break;
        case S_IFREG: {
          const held = this.#holdOf(entry, path);
          const from = this.#tree.locate(held);
          const to = this.#tree.locate(path);
          linkat(from.dirFd, from.name, to.dirFd, to.name);
          break;
        }
        default:
          mknodat(dirFd, name, typeOf(entry) | 0o600, entry.rdev);
      }
    }
  }

  /** Where a file can be reached: in the folder, or by another of its names that is in place. */
  #holdOf(entry: Entry, path: string): string {
    const held = this.#placeInHold(entry.ino);
    if (this.#tree.stat(held) !== null) return held;
    for (const [other, { ino }] of this.#wanted) {
      if (ino === entry.ino && other !== path && this.#tree.stat(other)?.ino === this.#now.get(ino)) return other;
    }
    throw damaged(`file ${entry.ino} is gone`);
  }

  async #putContent(described: readonly Described[]): Promise<void> {
    const paths = new Map<number, Described>();
    for (const each of described) if (typeOf(each.entry) === S_IFREG) paths.set(each.entry.ino, each);
    let open: { ino: number; fd: number } | null = null;
    const file = (ino: number): number | null => {
      if (open?.ino === ino) return open.fd;
      if (open) close(open.fd);
      open = null;
      const found = paths.get(ino);
      if (!found) return null;
      open = { ino, fd: this.#tree.open(found.path, O_RDWR | O_NONBLOCK | O_NOATIME) };
      return open.fd;
    };
    for (const { entry, path } of paths.values()) {
      await this.#pause();
      if (this.#tree.stat(path)?.size === entry.size) continue;
      const fd = file(entry.ino);
      if (fd !== null) ftruncate(fd, entry.size);
    }
    for (const { payload } of RecordFile.read(imagesFile(this.#undo))) {
      await this.#pause();
      const image = decodeImage(payload);
      const fd = image.kind === 'copy' ? null : file(image.ino);
      if (fd === null || image.kind === 'copy') continue;
      const [start, end] =
        image.kind === 'hole' ? [image.start, image.end] : [image.offset, image.offset + image.data.length];
      if (image.kind === 'hole') clearRange(fd, start, end);
      else pwriteFully(fd, image.data, start);
      this.#changed.push({ ino: fstat(fd).ino, range: { start, end } });
    }
    const last = open as { fd: number } | null;
    if (last) close(last.fd);
  }

  /** Files first, then directories from the inside out: what is done within one changes its time. */
  async #putAttributes(described: readonly Described[]): Promise<void> {
    for (const { path, entry } of [...described].reverse()) {
      await this.#pause();
      // What several directories lie below is not theirs, and never changes.
      if (path === '' && this.#tree.roots.length > 1) continue;
      const found = this.#tree.entry(path);
      if (found === null) throw damaged(`${JSON.stringify(path)} could not be made again`);
      const { dirFd, name } = this.#tree.locate(path);
      const ownersDiffer = found.uid !== entry.uid || found.gid !== entry.gid;
      if (ownersDiffer) chownat(dirFd, name, entry.uid, entry.gid);
      // Another owner has taken a capability away.
      const xattrs = ownersDiffer ? (this.#tree.entry(path)?.xattrs ?? []) : found.xattrs;
      const kept = new Set(entry.xattrs.map((xattr) => xattr.name));
      for (const xattr of xattrs) if (!kept.has(xattr.name)) removexattrat(dirFd, name, xattr.name);
      for (const xattr of entry.xattrs) {
        const same = xattrs.find((each) => each.name === xattr.name)?.value.equals(xattr.value);
        if (!same) setxattrat(dirFd, name, xattr.name, xattr.value, 0);
      }
      // After the owner, which takes setuid away, and access lists, which rewrite the mode.
      if (typeOf(entry) !== S_IFLNK && this.#tree.stat(path)?.mode !== entry.mode) this.#tree.chmod(path, entry.mode);
      utimensat(dirFd, name, null, entry.mtime);
    }
  }
}

function damaged(why: string): MirrorError {
  return new MirrorError(
    'undo-damaged',
    `what was kept of the last consistent state cannot be used: ${why}. Bring the other host back, or move the state directory away to use this replica as it is`,
  );
}
