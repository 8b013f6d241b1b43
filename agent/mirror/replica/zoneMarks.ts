import { HotExtents, pushExtent } from './hotExtents.ts';
import { type MarkAppender, MarkKind, type MarkRecord, type MarkStore } from './markStore.ts';
import { extentsOf, ZoneSet } from './zoneSet.ts';

const SLOTS = [0, 1] as const;
const GIVEN_UP = 'given up after directories were exchanged';

/** What the marks of a replica say about which zones may differ from the peer's. */
export interface LoadedMarks {
  /** By local inode number. */
  readonly files: Map<number, ZoneSet>;
  /** Null when the marks can be trusted, else why not. */
  readonly problem: string | null;
}

/**
 * Reads the marks of a replica. Two slots hold two generations of marks; what counts is their union.
 * A replica that never had marks ("missing") cannot be told from one that lost them.
 */
export function loadMarks(store: MarkStore): LoadedMarks {
  const files = new Map<number, ZoneSet>();
  let problem: string | null = null;
  for (const slot of SLOTS) {
    const content = store.read(slot);
    if (typeof content === 'string') {
      problem ??= content;
      continue;
    }
    for (const record of content.records) {
      if (record.kind === MarkKind.everything) problem ??= GIVEN_UP;
      else addRecord(files, record);
    }
  }
  return { files, problem };
}

function addRecord(files: Map<number, ZoneSet>, record: MarkRecord): void {
  const set = setOf(files, record.ino);
  if (record.kind === MarkKind.whole) set.whole = true;
  for (let index = record.first; index < record.first + record.count; index++) set.addExtent(index);
}

function setOf(files: Map<number, ZoneSet>, ino: number): ZoneSet {
  let set = files.get(ino);
  if (!set) files.set(ino, (set = new ZoneSet()));
  return set;
}

/** Makes a replica's marks empty and trusted, durably. */
export function resetMarks(store: MarkStore): void {
  for (const slot of SLOTS) store.write(slot, slot, []);
}

/** Changes of a longer range of bytes mark the whole file. */
const LARGEST_RANGE = 4 * 1024 ** 3;

interface Generation {
  readonly files: Map<number, ZoneSet>;
  /** Files made in this generation: their first change marks them as a whole, since an older file of the name may be the peer's. */
  readonly fresh: Set<number>;
  /** Files of which a name was removed: should this host lose power, they may have it again while the peer has another file of that name. */
  readonly removed: Set<number>;
  /** Marked on the disk before anything was written there; not told by {@link ZoneMarks.of} before something is. */
  readonly hot: HotExtents;
  readonly slot: 0 | 1;
  /** Why the marks of this generation tell nothing, null when they do. */
  problem: string | null;
}

/**
 * The marks of a replica that is being served. A mark is durable before `mark` returns. Marks are cleared by generations: `turn`
 * starts a new one, and when both replicas have made durable what the old one stood for, `drop` forgets it. Only the file of the current
 * generation is appended to; what fails with the other one leaves marks behind that cost a comparison, and is tried again at the next turn.
 */
export class ZoneMarks {
  readonly #store: MarkStore;
  #current: Generation;
  /** The file of the current generation. */
  #appender: MarkAppender;
  #old: Generation | null = null;
  /** The old generation was taken back, but could not be written into one file with the current one yet. */
  #takenBack = false;
  /** The file that no generation uses is durably empty. */
  #spareEmpty = true;
  #nextGeneration = 2;

  private constructor(store: MarkStore, current: Generation, appender: MarkAppender) {
    this.#store = store;
    this.#current = current;
    this.#appender = appender;
  }

  /** Takes the marks over from the disk, anew in both slots. */
  static open(store: MarkStore): ZoneMarks {
    const { files, problem } = loadMarks(store);
    const records = recordsOf(files, problem);
    // In this order: at every moment the union of the two slots holds all marks.
    store.write(0, 0, records);
    store.write(1, 1, []);
    const appender = store.appender(0, records.length);
    return new ZoneMarks(store, { ...newGeneration(0), files, problem }, appender);
  }

  /** Null when the marks can be trusted, else why not. */
  get problem(): string | null {
    return this.#old?.problem ?? this.#current.problem;
  }

  /** Nothing is marked, on the disk neither. */
  get empty(): boolean {
    return (
      this.problem === null &&
      this.#spareEmpty &&
      this.#current.files.size === 0 &&
      this.#current.hot.empty &&
      (this.#old === null || this.#old.files.size === 0)
    );
  }

  /** Bytes in marked blocks. */
  get bytes(): number {
    let bytes = 0;
    for (const generation of [this.#current, this.#old]) {
      if (generation) for (const set of generation.files.values()) bytes += set.bytes;
    }
    return bytes;
  }

  /** A file was just made. */
  created(ino: number): void {
    this.#current.fresh.add(ino);
  }

  /** Marks a range of bytes, `end` exclusive. @throws Node's file errors: the change must not be made then. */
  mark(ino: number, start: number, end: number): void {
    // One truncation of a sparse file can span a tebibyte, most of it holes, which cost nothing to look at.
    if (this.#isFresh(ino) || end - start > LARGEST_RANGE) this.markWhole(ino);
    if (end - start > LARGEST_RANGE) return;
    const generation = this.#current;
    const set = generation.files.get(ino);
    const missing: MarkRecord[] = [];
    for (const index of extentsOf(start, end)) {
      if (!set?.whole && !set?.hasExtent(index) && !generation.hot.has(ino, index)) pushExtent(missing, ino, index);
    }
    if (missing.length > 0) this.#appender.append(missing);
    setOf(generation.files, ino).add(start, end);
  }

  /** Until the generation in which a file was made is dropped, nothing tells that the peer has that file durably. */
  #isFresh(ino: number): boolean {
    if (this.#current.fresh.has(ino)) return true;
    return this.#old !== null && this.#old.fresh.has(ino) && !this.#old.files.get(ino)?.whole;
  }

  /**
   * A name of a file is about to be removed. That costs nothing by itself: what matters is that the name may be given to another file, and
   * whoever gives a name marks something as a whole, which takes these along.
   */
  removed(ino: number): void {
    this.#current.removed.add(ino);
  }

  /** Whether the next mark of a whole file takes others along: then it has to come before the peer learns of what it is for. */
  get hasRemoved(): boolean {
    return this.#current.removed.size > 0 || (this.#old !== null && this.#old.removed.size > 0);
  }

  /** Marks files as a whole, whatever their size becomes. @throws Node's file errors: the change must not be made then */
  markWhole(...inos: readonly number[]): void {
    const { files, removed } = this.#current;
    const all = new Set([...inos, ...removed, ...(this.#old?.removed ?? [])]);
    const missing = [...all].filter((ino) => !files.get(ino)?.whole);
    // In one write, whatever their number.
    if (missing.length > 0) {
      this.#appender.append(missing.map((ino) => ({ kind: MarkKind.whole, ino, first: 0, count: 0 })));
    }
    for (const ino of missing) setOf(files, ino).whole = true;
    removed.clear();
    this.#old?.removed.clear();
  }

  /** Gives the marks up: the next resync compares everything. */
  markEverything(): void {
    if (this.#current.problem !== null) return;
    this.#appender.append([{ kind: MarkKind.everything, ino: 0, first: 0, count: 0 }]);
    this.#current.problem = GIVEN_UP;
  }

  /** The marks of one file in all generations, null for none. */
  of(ino: number): ZoneSet | null {
    const current = this.#current.files.get(ino);
    const old = this.#old?.files.get(ino);
    if (!current && !old) return null;
    const union = new ZoneSet();
    if (old) union.addAll(old);
    if (current) union.addAll(current);
    return union;
  }

  /** What anything is marked of. */
  get marked(): Set<number> {
    return new Set([...this.#current.files.keys(), ...(this.#old?.files.keys() ?? [])]);
  }

  /** What is marked as a whole: files, and directories that were moved. */
  get whole(): Set<number> {
    const found = new Set<number>();
    for (const generation of [this.#current, this.#old]) {
      for (const [ino, set] of generation?.files ?? []) if (set.whole) found.add(ino);
    }
    return found;
  }

  /** Whether a new generation can be started: the last one was dropped or taken back. */
  get canTurn(): boolean {
    return this.#old === null || this.#takenBack;
  }

  /** From here on marks go into a new generation. @throws Node's file errors: then nothing has changed but that it can be tried again */
  turn(): void {
    if (!this.canTurn) throw new Error('the old marks are still there');
    this.#merge();
    this.#emptySpare();
    const slot = other(this.#current.slot);
    const hot = this.#current.hot.next(this.#current.files);
    const appender = this.#begin(slot, hot);
    this.#appender.close();
    this.#appender = appender;
    this.#old = this.#current;
    this.#current = { ...newGeneration(slot), hot };
  }

  /** Opens the empty file of a new generation, and marks durably what is hot. */
  #begin(slot: 0 | 1, hot: HotExtents): MarkAppender {
    const appender = this.#store.appender(slot, 0);
    if (hot.empty) return appender;
    try {
      this.#spareEmpty = false;
      appender.append(hot.records());
      this.#spareEmpty = true;
      return appender;
    } catch (error) {
      appender.close();
      throw error;
    }
  }

  /** Back to one generation, nothing dropped: the peer was lost before it had made the old one durable. Never throws. */
  unturn(): void {
    if (!this.#old) return;
    this.#takenBack = true;
    try {
      this.#merge();
      this.#emptySpare();
    } catch {
      // Both files stay as they are, and so do the marks; the next turn tries it again.
    }
  }

  /**
   * Writes a generation that was taken back and the current one into one file: that of the old one, since nothing is appended to it. However
   * far this comes, the two files together hold all marks.
   */
  #merge(): void {
    const old = this.#old;
    if (!old) return;
    const current = this.#current;
    for (const [ino, set] of current.files) setOf(old.files, ino).addAll(set);
    for (const ino of current.fresh) old.fresh.add(ino);
    for (const ino of current.removed) old.removed.add(ino);
    old.problem ??= current.problem;
    const records = recordsOf(old.files, old.problem);
    this.#store.write(old.slot, this.#nextGeneration++, records);
    const appender = this.#store.appender(old.slot, records.length);
    this.#appender.close();
    this.#appender = appender;
    // Its file holds no more than what was written.
    this.#current = { ...old, hot: HotExtents.none };
    this.#old = null;
    this.#takenBack = false;
    this.#spareEmpty = false;
  }

  /** Both replicas have made durable what the old generation stood for. Never throws. */
  drop(): void {
    if (!this.#old || this.#takenBack) return;
    this.#old = null;
    this.#spareEmpty = false;
    try {
      this.#emptySpare();
    } catch {
      // Marks that stay on the disk are harmless; the next turn tries it again.
    }
  }

  #emptySpare(): void {
    if (this.#spareEmpty) return;
    this.#store.write(other(this.#current.slot), this.#nextGeneration++, []);
    this.#spareEmpty = true;
  }

  close(): void {
    this.#appender.close();
  }
}

const newGeneration = (slot: 0 | 1): Generation => ({
  files: new Map(),
  fresh: new Set(),
  removed: new Set(),
  hot: HotExtents.none,
  slot,
  problem: null,
});

const other = (slot: 0 | 1): 0 | 1 => (slot === 0 ? 1 : 0);

function recordsOf(files: ReadonlyMap<number, ZoneSet>, problem: string | null): MarkRecord[] {
  const records: MarkRecord[] = problem === null ? [] : [{ kind: MarkKind.everything, ino: 0, first: 0, count: 0 }];
  for (const [ino, set] of files) {
    if (set.whole) records.push({ kind: MarkKind.whole, ino, first: 0, count: 0 });
    for (const index of set.extents()) pushExtent(records, ino, index);
  }
  return records;
}
