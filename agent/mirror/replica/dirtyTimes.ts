import { RENAME_WHITEOUT, timeNs } from '../../platform/libc.ts';
import type { Mutation } from '../mutation.ts';
import { movedBy, movesDirectory, type Rename } from '../resync/renames.ts';
import { parentOf, type ReplicaTree } from './tree.ts';

/**
 * Files and directories whose modification time was changed by something else than utimens. The follower's own clock gave them another
 * time; the primary's is sent behind, in batches.
 */
export class DirtyTimes {
  readonly #tree: ReplicaTree;
  readonly #excluded: (path: string) => boolean;
  #paths = new Set<string>();

  constructor(tree: ReplicaTree, excluded: (path: string) => boolean) {
    this.#tree = tree;
    this.#excluded = excluded;
  }

  get empty(): boolean {
    return this.#paths.size === 0;
  }

  get size(): number {
    return this.#paths.size;
  }

  add(path: string): void {
    this.#paths.add(path);
  }

  /** Notes what a change did to times and to paths. */
  note(mutation: Mutation): void {
    switch (mutation.kind) {
      case 'write':
      case 'truncate':
      case 'fallocate':
        if (mutation.file.path !== null) this.#paths.add(mutation.file.path);
        return;
      case 'create':
      case 'mkdir':
      case 'mknod':
      case 'symlink':
        // The new file too: its time here and there is the moment of its making on two clocks.
        this.#paths.add(mutation.path);
        this.#paths.add(parentOf(mutation.path));
        return;
      case 'link':
        this.#paths.add(parentOf(mutation.path));
        return;
      case 'unlink':
      case 'rmdir':
        this.#paths.delete(mutation.path);
        this.#paths.add(parentOf(mutation.path));
        return;
      case 'rename':
        this.#rename(mutation);
        if ((mutation.flags & RENAME_WHITEOUT) !== 0) this.#paths.add(mutation.from);
        this.#paths.add(parentOf(mutation.from));
        this.#paths.add(parentOf(mutation.to));
        return;
      default:
        return;
    }
  }

  #rename(rename: Rename): void {
    const paths = this.#paths;
    const moved = movedBy(rename);
    if (movesDirectory(this.#tree, rename)) {
      this.#paths = new Set([...paths].map((path) => moved(path) ?? path));
      return;
    }
    const { from, to } = rename;
    const left = [from, to].filter((path) => paths.delete(path));
    for (const path of left) paths.add(moved(path) ?? path);
  }

  has(path: string): boolean {
    return this.#paths.has(path);
  }

  /** The time of one path as a change to send, null when it is not there or not to be sent. */
  takeOne(path: string): Mutation | null {
    return this.#paths.delete(path) ? this.#timeOf(path) : null;
  }

  /** All of them as changes to send, `limit` at most. */
  take(limit = 10_000): Mutation[] {
    const mutations: Mutation[] = [];
    for (const path of this.#paths) {
      if (mutations.length >= limit) break;
      this.#paths.delete(path);
      const mutation = this.#timeOf(path);
      if (mutation) mutations.push(mutation);
    }
    return mutations;
  }

  #timeOf(path: string): Mutation | null {
    // It may have been replicated when its time was changed.
    const stat = this.#excluded(path) ? null : this.#tree.stat(path);
    if (stat === null) return null;
    return {
      kind: 'utimens',
      file: { ino: stat.ino, path },
      atime: null,
      mtime: timeNs(stat.mtimeSec, stat.mtimeNsec),
    };
  }

  clear(): void {
    this.#paths.clear();
  }
}
