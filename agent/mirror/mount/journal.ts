import { fstat, ftruncate, pwrite, tryFallocate, tryPread } from '../../platform/libc.ts';

/** What a turn did to the tables of the mount, or is about to do to the files. */
export const Note = {
  enter: 1,
  lookups: 2,
  unlink: 3,
  rename: 4,
  exchange: 5,
  nameless: 6,
  open: 7,
  close: 8,
  init: 9,
  /** A name is about to be made. */
  making: 10,
  /** A name is about to be removed. */
  removing: 11,
  renaming: 12,
  settingXattr: 13,
  removingXattr: 14,
  resizing: 15,
} as const;

export interface JournalNote {
  readonly kind: number;
  readonly numbers: readonly number[];
  readonly names: readonly string[];
}

/** What a journal holds beside its notes: the answers to the last requests. */
export interface JournalContent {
  readonly answers: ReadonlyMap<number, Uint8Array>;
  /** The request that had begun and has no answer yet, with what it was about to do. */
  readonly begun: { readonly request: number; readonly note: JournalNote } | null;
}

/** The first page holds where the log begins; the log is never overwritten, what is before its begin is given back. */
const LOG_AT = 4096;
const PAGE = 4096;
const TURN_HEADER = 16;
const TRAILER = 0x5a5a5a5a;
const COMPACT_AT_LEAST = 16 << 20;
const COMPACT_FACTOR = 2;
const SNAPSHOT_TURN = 256 << 10;
/** More answers than can wait to be sent at any time. */
const ANSWERS_KEPT = 2048;
/** A longer answer is only a listing or data: asking again does no harm. */
const LONGEST_ANSWER = 496;
const PUNCH_HOLE = 1 | 2;
const WORD = 4294967296;
const RESENT = 0x80000000;

const alignUp = (offset: number): number => Math.ceil(offset / PAGE) * PAGE;

/** Names a request over its whole life: the bit that marks one that was sent again is left out. */
export const requestOf = (low: number, high: number): number => low + (high % RESENT) * WORD;

/**
 * What the next process needs to go on serving this mount, in memory that outlives this one. One turn is one write, made before its request is
 * answered: what the kernel was told is always here. A turn that was not completed has no trailer and does not count.
 */
export class MountJournal {
  readonly #fd: number;
  /** Fills a new log with everything that is true now, by {@link note}. */
  snapshot: () => void = () => undefined;
  /** This turn has notes that must be written before its answer goes out. */
  pending = false;
  #turn = Buffer.alloc(4096);
  #length = TURN_HEADER;
  #start = LOG_AT;
  #at = LOG_AT;
  #snapshotSize = 0;
  #writing = false;
  #spoilt = false;
  readonly #answers = new Map<number, Uint8Array>();
  readonly #onBroken: () => void;

  /** @param onBroken the journal could not be written: nobody can take the mount over any more */
  constructor(fd: number, onBroken: () => void) {
    this.#fd = fd;
    this.#onBroken = onBroken;
  }

  /** Begins an empty journal. */
  reset(): void {
    ftruncate(this.#fd, 0);
    this.#spoilt = false;
    this.#start = this.#at = LOG_AT;
    this.#writeStart();
  }

  /** Nobody can go on by this journal any more. */
  spoil(): void {
    this.#spoilt = true;
    this.#writeStart();
  }

  #writeStart(): void {
    const start = Buffer.alloc(8);
    start.writeDoubleLE(this.#spoilt ? 0 : this.#start);
    pwrite(this.#fd, start, 0);
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#turn.length) return;
    const larger = Buffer.alloc(Math.max(this.#turn.length * 2, this.#length + bytes));
    this.#turn.copy(larger, 0, 0, this.#length);
    this.#turn = larger;
  }

  /** Adds a note to the present turn. */
  note(kind: number, numbers: readonly number[], names: readonly string[] = []): void {
    let bytes = 3 + numbers.length * 8;
    for (const name of names) bytes += 2 + name.length;
    if (this.#writing && this.#length + bytes > SNAPSHOT_TURN) this.#write(0, null);
    this.#room(bytes + LONGEST_ANSWER + 4);
    const turn = this.#turn;
    let at = this.#length;
    turn[at++] = kind;
    turn[at++] = numbers.length;
    turn[at++] = names.length;
    for (const number of numbers) at = turn.writeDoubleLE(number, at);
    for (const name of names) {
      at = turn.writeUInt16LE(name.length, at);
      at += turn.write(name, at, 'latin1');
    }
    this.#length = at;
    this.pending = true;
  }

  /** A request that cannot simply be done twice is about to change the files: written at once. */
  begin(request: number, kind: number, numbers: readonly number[], names: readonly string[]): void {
    this.note(kind, numbers, names);
    this.#write(request, null);
    this.pending = true;
  }

  /** Ends the turn, with the answer that its request gets, or null when it gets none. Call it before the answer goes out. */
  end(request: number, answer: Uint8Array | null): void {
    const kept = answer !== null && answer.length <= LONGEST_ANSWER ? answer : null;
    if (kept !== null) this.#keep(request, kept);
    this.#write(request, kept);
    if (this.#at - this.#start > Math.max(COMPACT_AT_LEAST, COMPACT_FACTOR * this.#snapshotSize)) this.compact();
  }

  #keep(request: number, answer: Uint8Array): void {
    this.#answers.set(request, Uint8Array.from(answer));
    if (this.#answers.size <= ANSWERS_KEPT) return;
    for (const oldest of this.#answers.keys()) {
      this.#answers.delete(oldest);
      return;
    }
  }

  /** The answer that a request of an earlier process has got, if it had come that far. */
  answerOf(request: number): Uint8Array | undefined {
    return this.#answers.get(request);
  }

  #write(request: number, answer: Uint8Array | null): void {
    const turn = this.#turn;
    let length = this.#length;
    if (answer !== null) {
      turn.set(answer, length);
      length += answer.length;
    }
    length += 4;
    turn.writeUInt32LE(length, 0);
    turn.writeUInt32LE(request % WORD, 4);
    turn.writeUInt32LE(Math.floor(request / WORD), 8);
    turn.writeUInt32LE(answer?.length ?? 0, 12);
    turn.writeUInt32LE((length ^ TRAILER) >>> 0, length - 4);
    this.#length = TURN_HEADER;
    this.pending = false;
    try {
      if (pwrite(this.#fd, turn, this.#at, length) !== length) throw new Error('short write');
    } catch {
      this.#onBroken();
      return;
    }
    this.#at += length;
  }

  /** Writes everything that is true now as a new log, behind what is there, and gives the old one back. */
  compact(): void {
    const old = this.#start;
    // The page between the two stays empty: whoever reads the old log to its end must not run into the new one.
    this.#at = alignUp(Math.max(this.#at, fstat(this.#fd).size)) + PAGE;
    const start = this.#at;
    this.#writing = true;
    this.snapshot();
    if (this.pending) this.#write(0, null);
    for (const [request, answer] of this.#answers) this.#writeAnswer(request, answer);
    this.#writing = false;
    this.#start = start;
    this.#snapshotSize = this.#at - start;
    this.#writeStart();
    tryFallocate(this.#fd, PUNCH_HOLE, old, start - PAGE - old);
  }

  #writeAnswer(request: number, answer: Uint8Array): void {
    this.#room(LONGEST_ANSWER + 4);
    this.#write(request, answer);
  }

  /**
   * Reads what an earlier process left; the next thing to do is {@link compact}. Each note goes to `take` and is not kept: there are millions
   * of them when the kernel knows a million files, and whoever uses the mount waits.
   */
  load(take: (note: JournalNote) => void): JournalContent {
    const { size } = fstat(this.#fd);
    const first = Buffer.alloc(8);
    if (tryPread(this.#fd, first, 0) !== 8 || first.readDoubleLE() < LOG_AT) {
      throw new Error('the journal of the mount does not hold everything');
    }
    this.#start = first.readDoubleLE();
    const log = Buffer.allocUnsafe(Math.max(0, size - this.#start));
    for (let at = 0; at < log.length;) {
      const got = tryPread(this.#fd, log.subarray(at), this.#start + at);
      if (got <= 0) throw new Error('the journal of the mount cannot be read');
      at += got;
    }
    let begun: JournalContent['begun'] = null;
    let at = 0;
    while (at + TURN_HEADER + 4 <= log.length) {
      const length = log.readUInt32LE(at);
      if (length < TURN_HEADER + 4 || at + length > log.length) break;
      if (log.readUInt32LE(at + length - 4) !== (length ^ TRAILER) >>> 0) break;
      const request = log.readUInt32LE(at + 4) + log.readUInt32LE(at + 8) * WORD;
      const answerLength = log.readUInt32LE(at + 12);
      const answerAt = at + length - 4 - answerLength;
      begun = null;
      eachNote(log, at + TURN_HEADER, answerAt, (note) => {
        if (note.kind >= Note.making) begun = { request, note };
        else take(note);
      });
      if (answerLength > 0) this.#keep(request, log.subarray(answerAt, answerAt + answerLength));
      at += length;
    }
    this.#at = this.#start + at;
    return { answers: this.#answers, begun };
  }

  /** The request that was being carried out when the earlier process ended was in fact done. */
  settle(request: number): void {
    const answer = Buffer.alloc(16);
    answer.writeUInt32LE(16, 0);
    answer.writeUInt32LE(request % WORD, 8);
    answer.writeUInt32LE(Math.floor(request / WORD), 12);
    this.#keep(request, answer);
  }
}

function eachNote(log: Buffer, start: number, end: number, take: (note: JournalNote) => void): void {
  for (let at = start; at < end;) {
    const kind = log[at] ?? 0;
    const numberCount = log[at + 1] ?? 0;
    const nameCount = log[at + 2] ?? 0;
    at += 3;
    const numbers: number[] = [];
    for (let index = 0; index < numberCount; index++, at += 8) numbers.push(log.readDoubleLE(at));
    const names: string[] = [];
    for (let index = 0; index < nameCount; index++) {
      const length = log.readUInt16LE(at);
      names.push(log.toString('latin1', at + 2, at + 2 + length));
      at += 2 + length;
    }
    take({ kind, numbers, names });
  }
}
