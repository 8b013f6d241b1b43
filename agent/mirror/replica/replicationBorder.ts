import { RENAME_EXCHANGE, S_IFDIR, S_IFMT } from '../../platform/libc.ts';
import type { FileRef, Mutation } from '../mutation.ts';
import type { Rename } from '../resync/renames.ts';
import { type Crossing, crossingOf, isHidden, mayReveal } from './crossing.ts';
import { excludedByPlace, excludedPaths, revealed, type Move } from './excluded.ts';
import { ONE_ROOT } from './roots.ts';
import { describeTree, type LinkOf } from './transfer.ts';
import type { ReplicaTree } from './tree.ts';

/** Something that the follower gets anew, whatever it has there. */
export interface Anew {
  readonly path: string;
  /** The changes that make it from nothing, read from the files as they are asked for. */
  readonly making: Iterable<Mutation>;
}

/**
 * The border between the names that are replicated and those that are excluded, on the primary: what of a change the follower must see, by which
 * name it has a file, and what it is to get anew when something crosses.
 */
export class ReplicationBorder {
  readonly #tree: ReplicaTree;
  readonly excluded: (path: string) => boolean;
  readonly #byPlace: (directory: string) => boolean;
  /** Whether there is a border at all. */
  readonly hasExcluded: boolean;
  /** Files without a known name: another name that was found, null when there is none and nothing of them need be sent. */
  readonly #nameless = new Map<number, string | null>();

  constructor(tree: ReplicaTree, globs: readonly string[], roots = ONE_ROOT) {
    this.#tree = tree;
    this.excluded = excludedPaths(globs, roots);
    this.#byPlace = excludedByPlace(globs, roots);
    this.hasExcluded = globs.length > 0;
  }

  /** What of a change the follower must see, null for nothing. What comes into or leaves what is replicated is more: see {@link crossing}. */
  replicated(mutation: Mutation): Mutation | null {
    if (isHidden(mutation, this.excluded)) return null;
    if (!('file' in mutation) || mutation.kind === 'link') return mutation;
    const path = this.nameOf(mutation.file);
    if (path === mutation.file.path) return mutation;
    return path === null ? null : { ...mutation, file: { ino: mutation.file.ino, path } };
  }

  /** The first of changes just made that crosses the border, and how; null when none does. Looks below directories that were moved. */
  crossing(mutations: readonly Mutation[]): Crossing | null {
    for (const mutation of mutations) {
      const crossing = crossingOf(mutation, this.excluded, this.#revealedBy);
      if (crossing) return crossing;
    }
    return null;
  }

  /** Describes what the follower is to get anew. */
  *anew(paths: readonly string[]): Generator<Anew> {
    const linkOf = this.#linksTo(paths);
    for (const path of paths) yield { path, making: describeTree(this.#tree, path, this.excluded, linkOf) };
  }

  /** Finds names by which the follower has files of several names already, when some of them are sent anew. */
  #linksTo(anew: readonly string[]): LinkOf {
    const missing = new Set(anew);
    const sent = new Map<number, string>();
    return ({ ino, nlink }, path) => {
      if (nlink < 2) return null;
      const known = sent.get(ino) ?? this.#tree.findInode(ino, (each) => missing.has(each) || this.excluded(each));
      sent.set(ino, known ?? path);
      return known;
    };
  }

  /** Whether files come to be replicated because a directory is about to move. */
  reveals(move: Move): boolean {
    if (this.excluded(move.to)) return false;
    return this.excluded(move.from) || !this.#revealed(move, move.from).next().done;
  }

  readonly #revealedBy = ({ from, to, flags }: Rename): string[] => {
    const back = (flags & RENAME_EXCHANGE) === 0 ? [] : this.#revealed({ from: to, to: from }, from);
    return [...this.#revealed({ from, to }, to), ...back];
  };

  #revealed(move: Move, at: string): Generator<string> {
    return revealed(this.#tree, move, at, this.excluded, this.#byPlace);
  }

  /** A name of a file by which the follower has it; null when it has none. */
  nameOf({ ino, path }: FileRef): string | null {
    if (path !== null) {
      if (!this.excluded(path)) return path;
      // By far the most files have one name.
      if (this.#hasOneName(path)) return null;
    }
    return this.#findName(ino);
  }

  #hasOneName(path: string): boolean {
    const stat = this.#tree.stat(path);
    return stat === null || stat.nlink < 2 || (stat.mode & S_IFMT) === S_IFDIR;
  }

  #findName(ino: number): string | null {
    let path = this.#nameless.get(ino);
    if (path === undefined) this.#nameless.set(ino, (path = this.#tree.findInode(ino, this.excluded)));
    return path;
  }

  /** A change was made: what was found by looking may not be so any more. */
  noteChange(mutation: Mutation): void {
    if (this.hasExcluded && mayReveal(mutation, this.excluded, this.#byPlace)) this.#nameless.clear();
    else if (mutation.kind === 'rename' || mutation.kind === 'unlink') this.#forgetFoundNames();
  }

  /** A name that was found may have become another one. A file without any replicated name has none after this change either. */
  #forgetFoundNames(): void {
    for (const [ino, path] of this.#nameless) if (path !== null) this.#nameless.delete(ino);
  }

  /** Nothing will refer to a file by number alone any more. */
  released(ino: number): void {
    this.#nameless.delete(ino);
  }
}
