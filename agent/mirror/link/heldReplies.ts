/** What a reply may wait for beside the acknowledgement of its frame, as bits: the disk of this host; that the peer has flushed. */
export const WaitsFor = { nothing: 0, local: 1, peerFlush: 2 } as const;

/** The reply has gone out; its slot is free once those before it have, too. */
const GONE = 4;
/** A power of two: places in the ring are counted on beyond 32 bits, in which they come round. */
const SLOTS = 1024;
const SLOT_HEADER_BYTES = 16;
const SLOT_BYTES = 512;
const LONGEST_REPLY = SLOT_BYTES - SLOT_HEADER_BYTES;
const OUT_HEADER_BYTES = 16;
const HEAD = 0;
const TAIL = 1;
const EIO = 5;

/** What decides about replies that wait. */
export interface ReleaseState {
  /** All of them fail. */
  readonly aborted: boolean;
  readonly inStep: boolean;
  /** The peer has applied every frame up to this one. */
  readonly acked: number;
}

/**
 * The replies to the kernel that wait, in memory that the threads of a primary share. Which of them goes out is decided one by one, so that a
 * flush holds up nothing behind it; those that may go at the same time go in the order of their requests. Every call needs the lock of the
 * {@link SharedState} that it belongs to.
 */
export class HeldReplies {
  static readonly BYTES = 64 + SLOTS * SLOT_BYTES;
  readonly #ends: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #ints: Int32Array;
  readonly #floats: Float64Array;
  readonly #answer: (reply: Uint8Array) => void;

  /**
   * @param offset where they lie in the buffer, a multiple of 8; zeros at first
   * @param answer sends a reply to the kernel; never throws
   */
  constructor(buffer: SharedArrayBuffer, offset: number, answer: (reply: Uint8Array) => void) {
    this.#ends = new Int32Array(buffer, offset, 2);
    this.#bytes = new Uint8Array(buffer, offset + 64);
    this.#ints = new Int32Array(buffer, offset + 64);
    this.#floats = new Float64Array(buffer, offset + 64);
    this.#answer = answer;
  }

  get #head(): number {
    return Atomics.load(this.#ends, HEAD);
  }

  get #tail(): number {
    return Atomics.load(this.#ends, TAIL);
  }

  get full(): boolean {
    return ((this.#tail - this.#head) | 0) >= SLOTS;
  }

  /** How many have not gone out. */
  get count(): number {
    let count = 0;
    for (let at = this.#head, tail = this.#tail; at !== tail; at = (at + 1) | 0) if (!this.#isGone(at)) count++;
    return count;
  }

  /** Sleeps until the first one has gone out, for at most `ms`. The one call that must not hold the lock. */
  waitForRoom(ms: number): void {
    const head = this.#head;
    if (this.full) Atomics.wait(this.#ends, HEAD, head, ms);
  }

  #waits(at: number): number {
    return this.#ints[((at & (SLOTS - 1)) * SLOT_BYTES) / 4 + 3] ?? GONE;
  }

  #setWaits(at: number, waits: number): void {
    this.#ints[((at & (SLOTS - 1)) * SLOT_BYTES) / 4 + 3] = waits;
  }

  #number(at: number): number {
    return this.#floats[((at & (SLOTS - 1)) * SLOT_BYTES) / 8] ?? 0;
  }

  #isGone(at: number): boolean {
    return (this.#waits(at) & GONE) !== 0;
  }

  /** Whether a ticket is of one that has not gone out. */
  #isHeld(ticket: number): boolean {
    const head = this.#head;
    const place = (ticket - head) | 0;
    return place >= 0 && place < ((this.#tail - head) | 0) && !this.#isGone(ticket);
  }

  /** There has to be room. @returns its ticket */
  add(reply: Uint8Array, number: number, waits: number): number {
    if (reply.length > LONGEST_REPLY) throw new RangeError(`a reply of ${reply.length} bytes cannot be held`);
    const ticket = this.#tail;
    const slot = (ticket & (SLOTS - 1)) * SLOT_BYTES;
    this.#floats[slot / 8] = number;
    this.#ints[slot / 4 + 2] = reply.length;
    this.#ints[slot / 4 + 3] = waits;
    this.#bytes.set(reply, slot + SLOT_HEADER_BYTES);
    Atomics.store(this.#ends, TAIL, (ticket + 1) | 0);
    return ticket;
  }

  /** It waits for frame `number` instead. */
  retarget(ticket: number, number: number): void {
    if (this.#isHeld(ticket)) this.#floats[((ticket & (SLOTS - 1)) * SLOT_BYTES) / 8] = number;
  }

  /** It has what it waited for on this host. */
  localDone(ticket: number): void {
    if (this.#isHeld(ticket)) this.#setWaits(ticket, this.#waits(ticket) & ~WaitsFor.local);
  }

  /** It becomes the error `errno`, which waits for frame `number` only. */
  fail(ticket: number, errno: number, number: number): void {
    if (!this.#isHeld(ticket)) return;
    this.#makeError(ticket, errno);
    this.#floats[((ticket & (SLOTS - 1)) * SLOT_BYTES) / 8] = number;
    this.#setWaits(ticket, WaitsFor.nothing);
  }

  /** fuse_out_header alone: length, negative error, and the request's number as it is. */
  #makeError(at: number, errno: number): void {
    const slot = (at & (SLOTS - 1)) * SLOT_BYTES;
    const reply = slot + SLOT_HEADER_BYTES;
    this.#ints[slot / 4 + 2] = this.#ints[reply / 4] = OUT_HEADER_BYTES;
    this.#ints[reply / 4 + 1] = -errno;
  }

  /** The peer has made durable what the flush `number` asked for. */
  peerFlushed(number: number): void {
    for (let at = this.#head, tail = this.#tail; at !== tail; at = (at + 1) | 0) {
      if (this.#number(at) === number) this.#setWaits(at, this.#waits(at) & ~WaitsFor.peerFlush);
    }
  }

  /** The frame of the oldest flush that the peer has not carried out, 0 for none. */
  get oldestPeerFlush(): number {
    for (let at = this.#head, tail = this.#tail; at !== tail; at = (at + 1) | 0) {
      if ((this.#waits(at) & (GONE | WaitsFor.peerFlush)) === WaitsFor.peerFlush) return this.#number(at);
    }
    return 0;
  }

  /** Sends what may go out. */
  release(state: ReleaseState): void {
    let head = this.#head;
    const wasFull = this.full;
    for (let at = head, tail = this.#tail; at !== tail; at = (at + 1) | 0) {
      const waits = this.#waits(at);
      if ((waits & GONE) === 0) {
        if (!state.aborted && (waits & WaitsFor.local) !== 0) continue;
        if (!state.aborted && state.inStep) {
          if ((waits & WaitsFor.peerFlush) !== 0 || this.#number(at) > state.acked) continue;
        }
        if (state.aborted) this.#makeError(at, EIO);
        const slot = (at & (SLOTS - 1)) * SLOT_BYTES;
        const start = slot + SLOT_HEADER_BYTES;
        this.#answer(this.#bytes.subarray(start, start + (this.#ints[slot / 4 + 2] ?? 0)));
        this.#setWaits(at, GONE);
      }
      if (at === head) head = (head + 1) | 0;
    }
    Atomics.store(this.#ends, HEAD, head);
    if (wasFull) Atomics.notify(this.#ends, HEAD);
  }
}
