import { errnos, ErrnoError, S_IFDIR, S_IFMT, S_IFREG } from '../../platform/libc.ts';
import type { DirectoryMessage } from '../link/resyncMessages.ts';
import type { Mutation } from '../mutation.ts';
import { type Entry, joinPath, parentOf, type ReplicaTree } from '../replica/tree.ts';
import { movedBy } from '../resync/renames.ts';
import { WaitingLine } from '../waitingLine.ts';

const ENTRIES_PER_MESSAGE = 128;

/** 'nothing': what was to be listed is gone. */
export type ListingStep = DirectoryMessage | 'nothing';

/**
 * Which names and files a verify still has to compare, while the guest moves them. Every directory is listed once; what is moved from one
 * that was not listed into one that was is looked at by itself. What the guest makes meanwhile is not compared, so a verify ends.
 */
export class VerifyWalk {
  readonly #tree: ReplicaTree;
  readonly #excluded: (path: string) => boolean;
  readonly #hasExcluded: boolean;
  readonly #directories = new WaitingLine<string>();
  /** Inode numbers of the directories that were listed, or made since. */
  readonly #listed = new Set<number>();
  /** Names that were moved past the walk. */
  readonly #strays = new WaitingLine<string>();
  /** Files whose content has to be compared, with every name that is known of them. */
  readonly #files = new Map<number, string[]>();
  /** Their inode numbers, in order. */
  readonly #order = new WaitingLine<number>();
  #big: { path: string; names: string[]; at: number } | null = null;
  /** The path at hand, for messages. */
  at = '';
  names = 0;
  bytes = 0;

  constructor(tree: ReplicaTree, excluded: (path: string) => boolean, hasExcluded: boolean) {
    this.#tree = tree;
    this.#excluded = excluded;
    this.#hasExcluded = hasExcluded;
    this.#directories.add('');
  }

  get listed(): boolean {
    return this.#directories.size === 0 && this.#strays.size === 0 && this.#big === null;
  }

  get complete(): boolean {
    return this.listed && this.#files.size === 0;
  }

  /** The next names to compare; null when all are listed. */
  nextListing(): ListingStep | null {
    const stray = this.#strays.first;
    if (stray !== undefined) {
      this.#strays.delete(stray);
      return this.#list(parentOf(stray), [stray.slice(stray.lastIndexOf('/') + 1)], null, false);
    }
    if (this.#big) return this.#bigPart(this.#big);
    const path = this.#directories.first;
    if (path === undefined) return null;
    this.#directories.delete(path);
    this.at = path;
    const stat = this.#tree.stat(path);
    if (stat === null || (stat.mode & S_IFMT) !== S_IFDIR) return 'nothing';
    this.#listed.add(stat.ino);
    const names = this.#replicatedNames(path);
    if (names.length <= ENTRIES_PER_MESSAGE) return this.#list(path, names, null, true);
    this.#big = { path, names, at: 0 };
    return this.#bigPart(this.#big);
  }

  #replicatedNames(path: string): string[] {
    return this.#tree.names(path).filter((name) => !this.#excluded(joinPath(path, name)));
  }

  /** A directory of many entries goes in parts; the last one tells all names, as they are then. */
  #bigPart(big: { path: string; names: string[]; at: number }): ListingStep {
    const part = big.names.slice(big.at, big.at + ENTRIES_PER_MESSAGE);
    big.at += ENTRIES_PER_MESSAGE;
    const last = big.at >= big.names.length;
    if (last) this.#big = null;
    try {
      return this.#list(big.path, part, last ? this.#replicatedNames(big.path) : null, false);
    } catch (error) {
      if (!(error instanceof ErrnoError) || error.errno !== errnos.ENOENT) throw error;
      this.#big = null;
      return 'nothing';
    }
  }

  #list(path: string, names: readonly string[], allNames: readonly string[] | null, complete: boolean): ListingStep {
    this.at = path;
    const self = this.#tree.entry(path);
    if (self === null || (self.mode & S_IFMT) !== S_IFDIR) return 'nothing';
    const entries: Entry[] = [];
    for (const name of names) {
      const entry = this.#tree.entry(joinPath(path, name));
      if (entry === null) continue;
      entries.push(this.#hasExcluded ? { ...entry, nlink: 0 } : entry);
      this.#found(joinPath(path, name), entry);
    }
    return { path, self, entries, allNames, complete };
  }

  #found(path: string, entry: Entry): void {
    this.names++;
    const type = entry.mode & S_IFMT;
    if (type === S_IFDIR) {
      if (!this.#listed.has(entry.ino)) this.#directories.add(path);
    } else if (type === S_IFREG) {
      const names = this.#files.get(entry.ino);
      if (names) names.push(path);
      else {
        this.#files.set(entry.ino, [path]);
        this.#order.add(entry.ino);
        this.bytes += entry.size;
      }
    }
  }

  /** The file whose content comes next under a name that it has now; null when it has none any more. */
  currentFile(): { ino: number; path: string } | null {
    const ino = this.#order.first;
    if (ino === undefined) return null;
    const path = this.#files.get(ino)?.find((name) => this.#isFile(name, ino));
    if (path === undefined) return null;
    this.at = path;
    return { ino, path };
  }

  /** The number may mean something else by now, which the guest made meanwhile. */
  #isFile(path: string, ino: number): boolean {
    const stat = this.#tree.stat(path);
    return stat !== null && stat.ino === ino && (stat.mode & S_IFMT) === S_IFREG;
  }

  fileDone(): void {
    const ino = this.#order.first;
    if (ino === undefined) return;
    this.#order.delete(ino);
    this.#files.delete(ino);
  }

  /** The guest has changed something. */
  onMutation(mutation: Mutation): void {
    switch (mutation.kind) {
      case 'mkdir':
        // New: nothing in it has to be compared, but what is moved into it has.
        if (this.#wasListed(parentOf(mutation.path))) this.#listed.add(mutation.ino);
        return;
      case 'link':
        if (mutation.file.path !== null) this.#appeared(mutation.file.path, mutation.path);
        return;
      case 'rename':
        this.#renamed(mutation);
        return;
      default:
        return;
    }
  }

  #wasListed(path: string): boolean {
    const stat = this.#tree.stat(path);
    return stat !== null && this.#listed.has(stat.ino);
  }

  #renamed(mutation: Extract<Mutation, { kind: 'rename' }>): void {
    const { from, to } = mutation;
    for (const [source, target] of [
      [from, to],
      [to, from],
    ] as const) {
      const stat = this.#tree.stat(target);
      if (stat === null) continue;
      if ((stat.mode & S_IFMT) === S_IFDIR) this.#movedDirectory(mutation, target, stat.ino);
      else this.#appeared(source, target);
      if ((mutation.flags & 2) === 0) return;
    }
  }

  #movedDirectory(mutation: Extract<Mutation, { kind: 'rename' }>, to: string, ino: number): void {
    const moved = movedBy(mutation);
    const move = (paths: WaitingLine<string>) => {
      for (const path of [...paths]) {
        const next = moved(path);
        if (next === path) continue;
        paths.delete(path);
        if (next !== null) paths.add(next);
      }
    };
    // An exchange is seen twice, once from each side: moving everything back again would undo it.
    if (to === mutation.to || (mutation.flags & 2) === 0 || !this.#isDirectory(mutation.to)) {
      move(this.#directories);
      move(this.#strays);
      if (this.#big) this.#big.path = moved(this.#big.path) ?? this.#big.path;
      for (const names of this.#files.values()) {
        names.forEach((name, index) => (names[index] = moved(name) ?? name));
      }
    }
    if (!this.#listed.has(ino)) this.#directories.add(to);
  }

  #isDirectory(path: string): boolean {
    const stat = this.#tree.stat(path);
    return stat !== null && (stat.mode & S_IFMT) === S_IFDIR;
  }

  /** A file has another name now. */
  #appeared(from: string, to: string): void {
    const stat = this.#tree.stat(to);
    if (stat === null) return;
    this.#files.get(stat.ino)?.push(to);
    // Listed there already, or to be listed here.
    if (this.#wasListed(parentOf(from)) || !this.#wasListed(parentOf(to))) return;
    this.#strays.add(to);
  }
}
