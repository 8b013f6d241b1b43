import type { Mutation } from '../mutation.ts';
import type { ReplicaTree } from '../replica/tree.ts';
import { movedBy, movesDirectory } from './renames.ts';

interface Linked {
  /** Local inode number. */
  readonly ino: number;
  readonly names: Set<string>;
}

/**
 * Under which names the follower has the files that have several on the primary, as far as they were compared. The primary's programs move and
 * remove names while others of the same file are still to be listed; those have to become links of this one, and not files of their own.
 */
export class LinkedNames {
  readonly #tree: ReplicaTree;
  /** By the primary's inode number. */
  readonly #files = new Map<number, Linked>();
  readonly #primaryOf = new Map<string, number>();

  constructor(tree: ReplicaTree) {
    this.#tree = tree;
  }

  /** A file has a name on both sides. @param primary its inode number there @param ino here */
  note(primary: number, ino: number, name: string): void {
    this.forget(name);
    let file = this.#files.get(primary);
    if (file?.ino !== ino) {
      for (const other of file?.names ?? []) this.#primaryOf.delete(other);
      this.#files.set(primary, (file = { ino, names: new Set() }));
    }
    file.names.add(name);
    this.#primaryOf.set(name, primary);
  }

  /** A name of the file, by the primary's inode number; null when none is known. */
  find(primary: number): { readonly path: string; readonly ino: number } | null {
    const file = this.#files.get(primary);
    if (!file) return null;
    for (const path of [...file.names]) {
      if (this.#tree.stat(path)?.ino === file.ino) return { path, ino: file.ino };
      // What has taken its place was not told as a change: this replica had something else there.
      this.forget(path);
    }
    return null;
  }

  /** A name is not one of a file with several names, as far as is known. */
  forget(name: string): void {
    const primary = this.#primaryOf.get(name);
    if (primary === undefined) return;
    this.#primaryOf.delete(name);
    const file = this.#files.get(primary);
    file?.names.delete(name);
    if (file?.names.size === 0) this.#files.delete(primary);
  }

  /** A change of the primary's was applied here. */
  onMutation(mutation: Mutation): void {
    switch (mutation.kind) {
      case 'link': {
        const primary = mutation.file.path === null ? undefined : this.#primaryOf.get(mutation.file.path);
        const file = primary === undefined ? undefined : this.#files.get(primary);
        if (primary !== undefined && file) this.note(primary, file.ino, mutation.path);
        return;
      }
      case 'unlink':
        this.forget(mutation.path);
        return;
      case 'rename':
        this.#rename(mutation);
        return;
      default:
        return;
    }
  }

  #rename(rename: Extract<Mutation, { kind: 'rename' }>): void {
    const moved = movedBy(rename);
    const names = movesDirectory(this.#tree, rename) ? [...this.#primaryOf.keys()] : [rename.from, rename.to];
    const places: { primary: number; ino: number; name: string; path: string | null }[] = [];
    for (const name of names) {
      const primary = this.#primaryOf.get(name);
      const file = primary === undefined ? undefined : this.#files.get(primary);
      const path = moved(name);
      if (primary !== undefined && file && path !== name) places.push({ primary, ino: file.ino, name, path });
    }
    // In an exchange each leaves its place before the other one takes it.
    for (const { name } of places) this.forget(name);
    for (const { primary, ino, path } of places) if (path !== null) this.note(primary, ino, path);
  }
}
