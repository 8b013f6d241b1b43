import {
  chownat,
  errnos,
  ErrnoError,
  fromByteString,
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
  removexattrat,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  setxattrat,
  symlinkat,
  utimensat,
  close,
} from '../../platform/libc.ts';
import type { ComparedEntry, DirectoryMessage } from '../link/resyncMessages.ts';
import type { Mutation } from '../mutation.ts';
import type { BeforeChange } from '../undo/stateKeeper.ts';
import type { Applier } from '../replica/applier.ts';
import { rootOf } from '../replica/roots.ts';
import { type Entry, joinPath, type ReplicaTree } from '../replica/tree.ts';
import type { UnwatchedChanges } from '../replica/unwatchedChanges.ts';
import type { ByteRange, ZoneSet } from '../replica/zoneSet.ts';
import { keepCapability } from './capability.ts';
import { withFile } from './content.ts';
import { LinkedNames } from './linkedNames.ts';
import { isBelowMoved } from './movedDirectories.ts';

const NOTHING: Omit<ComparedEntry, 'index'> = { fresh: false, differs: false, marked: [] };

/**
 * Brings names, types and attributes of this replica to what the primary lists, and tells of which files the content has to be
 * compared. Content and the times of files and directories are left for later: writing would change them again.
 */
export class DirectoryCompare {
  readonly #tree: ReplicaTree;
  readonly #applier: Applier;
  readonly #excluded: (path: string) => boolean;
  readonly #marks: Map<number, ZoneSet>;
  /** What this replica itself has marked as a whole: directories among them it has moved, which the primary has not seen. */
  readonly #moved: ReadonlySet<number>;
  readonly #unwatched: UnwatchedChanges | null;
  readonly #onStep: () => void;
  readonly #before: BeforeChange;
  readonly #onDoubt: (path: string) => void;
  readonly #linked: LinkedNames;
  /** Which of the primary's files a local file with several names stands for. */
  readonly #owners = new Map<number, { readonly ino: number; readonly path: string }>();

  constructor(options: {
    tree: ReplicaTree;
    applier: Applier;
    excluded: (path: string) => boolean;
    /** This replica's own marks, by local inode number. */
    marks: Map<number, ZoneSet>;
    /** Null: nobody can tell what was changed behind the mirror. */
    unwatched: UnwatchedChanges | null;
    /** Called now and then in long work. */
    onStep: () => void;
    /** Told before anything is changed. */
    before: BeforeChange;
    /** Told of a file whose content may have been changed under the name of another one. */
    onDoubt: (path: string) => void;
  }) {
    this.#tree = options.tree;
    this.#linked = new LinkedNames(options.tree);
    this.#applier = options.applier;
    this.#excluded = options.excluded;
    this.#marks = options.marks;
    this.#moved = new Set([...options.marks].filter(([, set]) => set.whole).map(([ino]) => ino));
    this.#unwatched = options.unwatched;
    this.#onStep = options.onStep;
    this.#before = options.before;
    this.#onDoubt = options.onDoubt;
  }

  /** A change of the primary's was applied to this replica. */
  onMutation(mutation: Mutation): void {
    this.#linked.onMutation(mutation);
  }

  /** @throws ErrnoError ENOENT or ENOTDIR when the directory is not there */
  compare(message: DirectoryMessage): { touched: boolean; entries: ComparedEntry[] } {
    const { path, self } = message;
    const local = this.#tree.entry(path);
    if (local === null) throw new ErrnoError(errnos.ENOENT, 'directory', path);
    if ((local.mode & S_IFMT) !== S_IFDIR) throw new ErrnoError(errnos.ENOTDIR, 'directory', path);
    this.#matchAttributes(path, local, self);
    const kept = message.allNames ?? (message.complete ? message.entries.map((entry) => entry.name) : null);
    if (kept !== null) this.#removeOthers(path, new Set(kept));
    const entries: ComparedEntry[] = [];
    message.entries.forEach((entry, index) => {
      this.#onStep();
      const found = this.#compareEntry(joinPath(path, entry.name), entry);
      if (found.fresh || found.differs || found.marked.length > 0) entries.push({ index, ...found });
    });
    return { touched: this.#tree.entry(path)?.mtime !== self.mtime, entries };
  }

  #removeOthers(path: string, kept: Set<string>): void {
    const names = this.#tree.names(path).filter((name) => !kept.has(name) && !this.#excluded(joinPath(path, name)));
    if (names.length > 0) this.#remove(...names.map((name) => joinPath(path, name)));
  }

  #remove(...paths: string[]): void {
    this.#before.removal(paths);
    this.#applier.forgetAll();
    for (const path of paths) this.#tree.removeTree(path, this.#onStep);
  }

  #compareEntry(path: string, entry: Entry): Omit<ComparedEntry, 'index'> {
    const found = this.#unwatched === null ? null : this.#tree.stat(path);
    if (found !== null) this.#unwatched?.look(found);
    let local = this.#tree.entry(path);
    const type = entry.mode & S_IFMT;
    if (local !== null && !this.#sameThing(local, entry)) {
      this.#remove(path);
      local = null;
    }
    if (type !== S_IFDIR) local = this.#matchLinks(path, entry, local);
    const fresh = local === null;
    if (local === null) {
      this.#before.change();
      this.#applier.forget(entry.ino);
      this.#make(path, entry);
      local = this.#tree.entry(path);
      if (local === null) throw new ErrnoError(errnos.ENOENT, 'make', path);
      this.#noteName(path, entry, local.ino, local.nlink);
    }
    this.#matchAttributes(path, local, entry);
    if (type === S_IFDIR) return NOTHING;
    if (type !== S_IFREG) {
      if (local.mtime !== entry.mtime) {
        this.#before.change();
        const place = this.#tree.locate(path);
        utimensat(place.dirFd, place.name, null, entry.mtime);
      }
      return NOTHING;
    }
    if (local.size !== entry.size) {
      withFile(this.#tree.open(path, O_RDWR | O_NONBLOCK), (fd) => {
        this.#before.content(fd, [{ start: entry.size, end: Number.MAX_SAFE_INTEGER }]);
        keepCapability(fd, () => ftruncate(fd, entry.size));
      });
    }
    const marked = fresh ? [] : this.#markedOf(path, local.ino, entry.size);
    return { fresh, differs: fresh || local.size !== entry.size || local.mtime !== entry.mtime, marked };
  }

  #markedOf(path: string, ino: number, size: number): readonly ByteRange[] {
    const isSuspect = this.#unwatched?.includes(ino) === true || isBelowMoved(this.#tree, path, this.#moved);
    if (size > 0 && isSuspect) return [{ start: 0, end: size }];
    return this.#marks.get(ino)?.ranges(size) ?? [];
  }

  /** Type, and what cannot be changed afterwards. */
  #sameThing(local: Entry, entry: Entry): boolean {
    const type = entry.mode & S_IFMT;
    if ((local.mode & S_IFMT) !== type) return false;
    if (type === S_IFLNK) return local.target === entry.target;
    return type === S_IFREG || type === S_IFDIR || local.rdev === entry.rdev;
  }

  /** Makes files with several names share them as on the primary. Returns the local file, null when it has to be made. */
  #matchLinks(path: string, entry: Entry, local: Entry | null): Entry | null {
    const first = entry.nlink > 1 ? this.#linked.find(entry.ino) : null;
    if (first && first.path !== path) {
      if (local?.ino === first.ino) {
        this.#linked.note(entry.ino, first.ino, path);
        return local;
      }
      this.#refuseAcross(first.path, path);
      if (local !== null) this.#remove(path);
      else this.#before.change();
      this.#applier.forgetAll();
      const from = this.#tree.locate(first.path);
      const to = this.#tree.locate(path);
      linkat(from.dirFd, from.name, to.dirFd, to.name);
      this.#linked.note(entry.ino, first.ino, path);
      return this.#tree.entry(path);
    }
    if (local === null) return null;
    const owner = this.#owners.get(local.ino);
    if (local.nlink > 1 && owner !== undefined && owner.ino !== entry.ino) {
      this.#remove(path);
      // A change by this name, before the two were told apart, was one of the owner's.
      const here = this.#tree.stat(owner.path)?.ino === local.ino;
      const other = here ? owner.path : this.#tree.findInode(local.ino, this.#excluded);
      if (other !== null) this.#onDoubt(other);
      return null;
    }
    // A write may have been for another file here, which had the name by which the primary called it.
    this.#applier.keepOnly(entry.ino, local.ino);
    this.#noteName(path, entry, local.ino, local.nlink);
    return local;
  }

  /** A link cannot lead from one mirrored directory into another, and two files would not stay equal. */
  #refuseAcross(one: string, other: string): void {
    const { roots } = this.#tree;
    if (rootOf(roots, one) === rootOf(roots, other)) return;
    const [first, second] = [one, other].map((path) => JSON.stringify(fromByteString(path)));
    throw new Error(
      `${first} and ${second} are one file with names in two of the mirrored directories: make a file of its own of each, or mirror one directory that holds both`,
    );
  }

  #noteName(path: string, entry: Entry, ino: number, nlink: number): void {
    if (entry.nlink > 1) this.#linked.note(entry.ino, ino, path);
    else this.#linked.forget(path);
    if (nlink > 1 || entry.nlink > 1) this.#owners.set(ino, { ino: entry.ino, path });
  }

  #make(path: string, entry: Entry): void {
    const { dirFd, name } = this.#tree.locate(path);
    switch (entry.mode & S_IFMT) {
      case S_IFREG:
        close(openat(dirFd, name, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, 0o600));
        break;
      case S_IFDIR:
        mkdirat(dirFd, name, 0o700);
        break;
      case S_IFLNK:
        symlinkat(entry.target, dirFd, name);
        break;
      default:
        mknodat(dirFd, name, (entry.mode & S_IFMT) | 0o600, entry.rdev);
    }
  }

  #matchAttributes(path: string, local: Entry, entry: Entry): void {
    const place = this.#tree.locate(path);
    const ownersDiffer = local.uid !== entry.uid || local.gid !== entry.gid;
    if (ownersDiffer) {
      this.#before.change();
      chownat(place.dirFd, place.name, entry.uid, entry.gid);
    }
    // Another owner has taken a capability away.
    const xattrs = ownersDiffer ? (this.#tree.entry(path)?.xattrs ?? []) : local.xattrs;
    const theirs = new Map(entry.xattrs.map((xattr) => [xattr.name, xattr.value]));
    const ours = new Map(xattrs.map((xattr) => [xattr.name, xattr.value]));
    for (const name of ours.keys()) {
      if (theirs.has(name)) continue;
      this.#before.change();
      removexattrat(place.dirFd, place.name, name);
    }
    let xattrsDiffer = false;
    for (const [name, value] of theirs) {
      if (ours.get(name)?.equals(value)) continue;
      this.#before.change();
      setxattrat(place.dirFd, place.name, name, value, 0);
      xattrsDiffer = true;
    }
    // Last: owners take setuid away, access lists rewrite the mode.
    if (
      (entry.mode & S_IFMT) !== S_IFLNK &&
      (ownersDiffer || xattrsDiffer || (local.mode & 0o7777) !== (entry.mode & 0o7777))
    ) {
      this.#before.change();
      this.#tree.chmod(path, entry.mode);
    }
  }
}
