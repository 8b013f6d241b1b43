import type { BegunCall } from '../replica/mainCall.ts';
import type { RecordFile } from './recordFile.ts';

/** Begins to make the data of an open file durable. */
export type BeginDurable = (fd: number) => BegunCall;

/**
 * The images of an undo journal. They become durable while other work goes on, by one flush at a time, of which none can take another one's
 * error. Whoever is about to overwrite something waits for its own image only.
 */
export class ImageFile {
  readonly #records: RecordFile;
  readonly #beginDurable: BeginDurable;
  readonly #onWait: () => void;
  /** Up to where the file is durable. */
  #durable: number;
  #flush: { readonly upTo: number; readonly call: BegunCall } | null = null;

  /** @param records what they hold already is durable */
  constructor(records: RecordFile, beginDurable: BeginDurable, onWait: () => void) {
    this.#records = records;
    this.#durable = records.bytes;
    this.#beginDurable = beginDurable;
    this.#onWait = onWait;
  }

  get bytes(): number {
    return this.#records.bytes;
  }

  get durable(): number {
    return this.#durable;
  }

  append(...parts: readonly Uint8Array[]): void {
    this.#records.append(...parts);
  }

  /** Has what was appended made durable, unless a flush goes on already: what that one does not cover the next one does. */
  begin(): void {
    if (this.#flush?.call.over() === true) this.#end();
    if (this.#flush === null && this.#durable < this.bytes) this.#begin();
  }

  #begin(): void {
    const fd = this.#records.flushed();
    this.#flush = { upTo: this.#records.bytes, call: this.#beginDurable(fd) };
  }

  #end(): void {
    const flush = this.#flush;
    if (flush === null) return;
    try {
      flush.call.wait(this.#onWait);
    } catch (error) {
      // It has failed; else the waiting has, and it goes on.
      if (flush.call.over()) this.#flush = null;
      throw error;
    }
    this.#flush = null;
    this.#durable = flush.upTo;
  }

  /** Returns when the file is durable up to there. */
  settle(upTo: number): void {
    while (this.#durable < upTo) {
      if (this.#flush === null) this.#begin();
      this.#end();
    }
  }

  /** Waits for the flush that goes on: the number of the descriptor may be another file's afterwards. */
  close(): void {
    try {
      this.#flush?.call.wait(() => undefined);
    } catch {
      // Nothing was overwritten that relied on it, and whoever goes on with these images reads what the disk holds of them.
    }
    this.#flush = null;
    this.#records.close();
  }
}
