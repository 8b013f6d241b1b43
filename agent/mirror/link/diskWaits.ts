/** The dispatcher's thread; then each request that the disk is at work on beside it; then each helper that reads; then the whole file system. */
const DISPATCHER = 0;
const REQUESTS = 1;
const MOST_REQUESTS = 64;
const READERS = REQUESTS + MOST_REQUESTS;
const MOST_READERS = 4;
const WHOLE = READERS + MOST_READERS;
const PLACES = WHOLE + 1;

/** A file system that is made durable as a whole may have all of its memory to write out: this much longer. */
const WHOLE_LIMIT_FACTOR = 30;

/**
 * Who waits for this host's disk, in memory that the threads of a primary share. Each place counts: it is odd while somebody waits there, so that one
 * that still has the same odd number is the same wait. That spares a look at the clock with every request.
 */
export class DiskWaits {
  static readonly BYTES = PLACES * 4;
  readonly #places: Int32Array;

  /** @param at a multiple of 4 */
  constructor(
    readonly buffer: SharedArrayBuffer = new SharedArrayBuffer(DiskWaits.BYTES),
    readonly at = 0,
  ) {
    this.#places = new Int32Array(buffer, at, PLACES);
  }

  /** The dispatcher has something in hand that may need the disk. Said with each thing anew. */
  busy(): void {
    const now = Atomics.load(this.#places, DISPATCHER);
    Atomics.store(this.#places, DISPATCHER, now + ((now & 1) === 0 ? 1 : 2));
  }

  /** The dispatcher waits for something else than the disk: requests, the peer, the end of a freeze. */
  elsewhere(): void {
    if ((Atomics.load(this.#places, DISPATCHER) & 1) === 1) Atomics.add(this.#places, DISPATCHER, 1);
  }

  requestBegun(number: number): void {
    Atomics.add(this.#places, REQUESTS + number, 1);
  }

  requestDone(number: number): void {
    Atomics.add(this.#places, REQUESTS + number, 1);
  }

  /** A helper begins to wait, or has what it waited for. */
  reader(number: number): void {
    Atomics.add(this.#places, READERS + (number % MOST_READERS), 1);
  }

  wholeBegun(): void {
    Atomics.add(this.#places, WHOLE, 1);
  }

  wholeDone(): void {
    Atomics.add(this.#places, WHOLE, 1);
  }

  /** What each place counts. */
  look(): Int32Array {
    return this.#places.slice();
  }

  static limitFactor(place: number): number {
    return place === WHOLE ? WHOLE_LIMIT_FACTOR : 1;
  }
}
