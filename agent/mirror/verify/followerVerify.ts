import {
  close,
  ErrnoError,
  errnos,
  fstat,
  O_NOATIME,
  O_NONBLOCK,
  O_RDONLY,
  S_IFDIR,
  S_IFMT,
} from '../../platform/libc.ts';
import { BLOCK_BYTES, ZONE_BYTES } from '../link/protocol.ts';
import {
  decodeDirectory,
  decodeHashes,
  type DirectoryMessage,
  HASH_BYTES,
  type HashMessage,
} from '../link/resyncMessages.ts';
import type { Difference } from '../mirror.ts';
import { type Entry, joinPath, type ReplicaTree } from '../replica/tree.ts';
import { hasHash, isZero, readPiece, splitHoles } from '../resync/content.ts';
import { compareEntries } from './compareEntries.ts';

/** More differences of one frame are counted only. */
const MOST_LISTED = 200;

/** What a frame of a verify found. */
export interface VerifyAnswer {
  readonly total: number;
  readonly differences: readonly Difference[];
}

/**
 * The secondary's side of a verify: compares what the primary tells at this place in the order of changes with this replica. It changes
 * nothing, and whatever it finds, even a file that cannot be read, is an answer and no end of the session.
 */
export class FollowerVerify {
  readonly #tree: ReplicaTree;
  readonly #excluded: (path: string) => boolean;
  /** The local file that stands for a file of several names, by the primary's inode number. */
  readonly #links = new Map<number, number>();

  constructor(tree: ReplicaTree, excluded: (path: string) => boolean) {
    this.#tree = tree;
    this.#excluded = excluded;
  }

  /** Inode numbers may mean other files from now on. */
  forgetLinks(): void {
    this.#links.clear();
  }

  directory(payload: Buffer): VerifyAnswer {
    const message = decodeDirectory(payload);
    return this.#answer(message.path, (found) => this.#directory(message, found));
  }

  content(payload: Buffer): VerifyAnswer {
    const message = decodeHashes(payload);
    const path = message.file.path ?? '';
    return this.#answer(path, (found) => this.#content(path, message, found));
  }

  #answer(path: string, compare: (found: Difference[]) => void): VerifyAnswer {
    const found: Difference[] = [];
    try {
      compare(found);
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
      if (error.errno === errnos.ENOENT) found.push(missing(path));
      else found.push({ path, what: 'unreadable', detail: `on the secondary: ${error.message}` });
    }
    return { total: found.length, differences: found.slice(0, MOST_LISTED) };
  }

  #directory(message: DirectoryMessage, found: Difference[]): void {
    const { path, self, entries } = message;
    const local = this.#tree.entry(path);
    if (local === null) {
      found.push(missing(path));
      return;
    }
    found.push(...compareEntries(path, self, local));
    if ((local.mode & S_IFMT) !== S_IFDIR) return;
    const all = message.allNames ?? (message.complete ? entries.map((entry) => entry.name) : null);
    if (all !== null) {
      const expected = new Set(all);
      for (const name of this.#tree.names(path)) {
        if (expected.has(name) || this.#excluded(joinPath(path, name))) continue;
        found.push({ path: joinPath(path, name), what: 'extra', detail: 'only on the secondary' });
      }
    }
    for (const entry of entries) this.#entry(joinPath(path, entry.name), entry, found);
  }

  #entry(path: string, entry: Entry, found: Difference[]): void {
    const local = this.#tree.entry(path);
    if (local === null) {
      found.push(missing(path));
      return;
    }
    const differences = compareEntries(path, entry, local);
    found.push(...differences);
    if (entry.nlink < 2 || (entry.mode & S_IFMT) === S_IFDIR || differences.some(({ what }) => what === 'links')) {
      return;
    }
    const known = this.#links.get(entry.ino);
    if (known === undefined) this.#links.set(entry.ino, local.ino);
    else if (known !== local.ino) {
      found.push({ path, what: 'links', detail: 'a name of another file on the secondary than on the primary' });
    }
  }

  #content(path: string, message: HashMessage, found: Difference[]): void {
    const fd = this.#tree.open(path, O_RDONLY | O_NONBLOCK | O_NOATIME);
    try {
      const differing: { start: number; end: number }[] = [];
      const note = (start: number, length: number) => {
        const last = differing.at(-1);
        if (last?.end === start) last.end += length;
        else differing.push({ start, end: start + length });
      };
      message.offsets.forEach((offset, index) => {
        const bytes = readPiece(fd, offset, BLOCK_BYTES);
        if (!hasHash(bytes, message.hashes, index * HASH_BYTES)) note(offset, BLOCK_BYTES);
      });
      const { size } = fstat(fd);
      for (const hole of message.holes) {
        // A hole there may be zeros here, and the other way round: what is read is what counts.
        const range = { start: hole.start, end: Math.min(hole.end, size) };
        if (range.end <= range.start) continue;
        for (const { start, end } of splitHoles(fd, range).data) {
          for (let at = start; at < end; at += ZONE_BYTES) {
            const length = Math.min(ZONE_BYTES, end - at);
            if (!isZero(readPiece(fd, at, length))) note(at, length);
          }
        }
      }
      for (const { start, end } of differing) {
        found.push({
          path,
          what: 'content',
          offset: start,
          length: end - start,
          detail: `${end - start} bytes at ${start}`,
        });
      }
    } finally {
      close(fd);
    }
  }
}

function missing(path: string): Difference {
  return { path, what: 'missing', detail: 'only on the primary' };
}
