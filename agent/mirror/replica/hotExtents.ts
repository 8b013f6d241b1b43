import { MarkKind, type MarkRecord } from './markStore.ts';
import type { ZoneSet } from './zoneSet.ts';

/** More than these (32 GiB) are not worth a comparison after a crash. */
const MOST = 32 * 1024;

type Extents = ReadonlyMap<number, ReadonlySet<number>>;

/**
 * The extents that are marked ahead of their first write in a generation of marks, since they were written in the two generations before: their
 * writers do not wait for a mark. After a crash they cost a comparison; after two generations without a write they are marked no more.
 * DRBD's activity log rests on the same observation, that most writes go where the last ones went.
 */
export class HotExtents {
  static readonly none = new HotExtents(new Map(), new Map());
  readonly #written: Extents;
  readonly #marked: Extents;

  private constructor(written: Extents, marked: Extents) {
    this.#written = written;
    this.#marked = marked;
  }

  /** Those of the generation that follows one in which `files` were written. Files that are marked as a whole need no more marks. */
  next(files: ReadonlyMap<number, ZoneSet>): HotExtents {
    const written = new Map<number, Set<number>>();
    const marked = new Map<number, Set<number>>();
    let left = MOST;
    for (const [ino, set] of files) {
      if (set.whole) continue;
      const extents = new Set(set.extents());
      written.set(ino, extents);
      const before = this.#written.get(ino);
      if (!before || left === 0) continue;
      const both = [...extents].filter((index) => before.has(index)).slice(0, left);
      left -= both.length;
      if (both.length > 0) marked.set(ino, new Set(both));
    }
    return new HotExtents(written, marked);
  }

  /** Whether an extent of a file is marked. */
  has(ino: number, index: number): boolean {
    return this.#marked.get(ino)?.has(index) === true;
  }

  get empty(): boolean {
    return this.#marked.size === 0;
  }

  records(): MarkRecord[] {
    const records: MarkRecord[] = [];
    for (const [ino, extents] of this.#marked) for (const index of extents) pushExtent(records, ino, index);
    return records;
  }
}

/** Adds an extent to records, as a part of the last one where it continues it. */
export function pushExtent(records: MarkRecord[], ino: number, index: number): void {
  const last = records.at(-1);
  if (last && last.kind === MarkKind.extents && last.ino === ino && last.first + last.count === index) {
    records[records.length - 1] = { ...last, count: last.count + 1 };
  } else {
    records.push({ kind: MarkKind.extents, ino, first: index, count: 1 });
  }
}
