import fs from 'node:fs';
import { join } from 'node:path';
import { S_IFMT, S_IFREG, timeNs, type FileStat } from '../../platform/libc.ts';
import type { Stopped } from '../mirror.ts';

/**
 * The present moment as the kernel notes it for files that change (ctime), nanoseconds since 1970: nobody can set that time of a file.
 * @throws Node's file errors
 */
export function momentOfFiles(stateDirectory: string): bigint {
  const file = join(stateDirectory, 'moment');
  fs.rmSync(file, { force: true });
  const fd = fs.openSync(file, 'wx', 0o600);
  try {
    return fs.fstatSync(fd, { bigint: true }).ctimeNs;
  } finally {
    fs.closeSync(fd);
    fs.rmSync(file, { force: true });
  }
}

/**
 * Finds files that were changed behind the mirror since it ended in order: when the file system changed them last, it was after that moment. A file
 * counts by how it is found first, so it has to be looked at before the mirror changes it. What only changed its owner, mode or names has the
 * same effect, which costs a comparison.
 */
export class UnwatchedChanges {
  readonly #since: bigint;
  /** Marked files that the mirror itself may have changed since. */
  readonly #unknown: ReadonlySet<number>;
  readonly #found = new Map<number, boolean>();

  private constructor(since: bigint, unknown: ReadonlySet<number>) {
    this.#since = since;
    this.#unknown = unknown;
  }

  /**
   * Null when nobody can tell: after a crash, or when the clock has been set back.
   * @param marked inode numbers of files that have zone marks
   */
  static since(stopped: Stopped | null, marked: Iterable<number>): UnwatchedChanges | null {
    if (stopped === null) return null;
    const since = BigInt(stopped.at);
    // eslint-disable-next-line no-restricted-properties -- it is by this clock that the kernel dates files
    if (BigInt(Date.now()) < since / 1_000_000n) return null;
    return new UnwatchedChanges(since, new Set(stopped.served ? marked : []));
  }

  /** Whether the file was looked at. */
  knows(ino: number): boolean {
    return this.#found.has(ino);
  }

  /** Whether the file was looked at, and found to be changed. */
  includes(ino: number): boolean {
    return this.#found.get(ino) === true;
  }

  /**
   * Whether a file was changed.
   * @param onFound called when it is found to be for the first time; when it throws the file was not looked at
   */
  look(stat: FileStat, onFound: () => void = () => {}): boolean {
    const { ino } = stat;
    const known = this.#found.get(ino);
    if (known !== undefined) return known;
    const changed =
      (stat.mode & S_IFMT) === S_IFREG &&
      !this.#unknown.has(ino) &&
      timeNs(stat.ctimeSec, stat.ctimeNsec) > this.#since;
    if (changed) onFound();
    this.#found.set(ino, changed);
    return changed;
  }
}
