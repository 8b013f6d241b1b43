import { DiskWaits } from './diskWaits.ts';
import { HeldReplies, WaitsFor } from './heldReplies.ts';

/** What the link to the peer is. */
export const Link = { none: 0, connected: 1, lost: 2 } as const;
/** Why acknowledgements are held: the agent said so; the peer is lost. */
const FROZEN_BY_AGENT = 1;
const FROZEN_BY_LOSS = 2;

const LOCK = 0;
const LINK = 1;
const IN_STEP = 2;
const HOLD = 3;
const FROZEN = 4;
const ABORTED = 5;
const SOCKET = 6;
const PARKED = 7;
const LAG_COUNT = 8;
const INTS = 16;

const SENT = 0;
const ACKED = 1;
const HEARD = 2;
const WAKE_AT = 3;
const SENT_TIMES = 8;
const SENT_TIME_SLOTS = 1024;
const LAGS = SENT_TIMES + SENT_TIME_SLOTS;
const LAG_SLOTS = 512;
const FLOATS = LAGS + LAG_SLOTS;

/** How often the lock is tried before its owner is waited for asleep. */
const LOCK_TRIES = 200;

/** Milliseconds on the monotonic clock, the same in every thread. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** What decisions about replies and the link have an effect on. */
export interface Outside {
  /** Monotonic, milliseconds, the same in every thread. */
  readonly now: () => number;
  /** Sends a reply to the kernel. Never throws: nobody may be left to take it. */
  readonly answer: (reply: Uint8Array) => void;
  /** Wakes the dispatcher. */
  readonly wake: () => void;
  /** Ends a connection, and every wait for it, in both directions. */
  readonly cut: (socket: number) => void;
}

/**
 * What the threads of a primary share: the state of the link and the replies to the kernel that wait for the peer, in the order of the
 * requests. One lock covers all decisions about whether a reply may go out, so that once `freeze` has returned none does.
 */
export class SharedState {
  readonly buffer: SharedArrayBuffer;
  readonly #ints: Int32Array;
  readonly #floats: Float64Array;
  readonly #replies: HeldReplies;
  /** Who waits for this host's disk. */
  readonly disk: DiskWaits;
  readonly #outside: Outside;

  /** @param buffer what another thread has made; left out: a new one */
  constructor(outside: Outside, buffer?: SharedArrayBuffer) {
    this.#outside = outside;
    const floatsAt = INTS * 4;
    const repliesAt = floatsAt + FLOATS * 8;
    const waitsAt = repliesAt + HeldReplies.BYTES;
    this.buffer = buffer ?? new SharedArrayBuffer(waitsAt + DiskWaits.BYTES);
    this.#ints = new Int32Array(this.buffer, 0, INTS);
    this.#floats = new Float64Array(this.buffer, floatsAt, FLOATS);
    this.#replies = new HeldReplies(this.buffer, repliesAt, outside.answer);
    this.disk = new DiskWaits(this.buffer, waitsAt);
    if (!buffer) this.#ints[SOCKET] = -1;
  }

  // --- the lock: 0 free, 1 taken, 2 taken and waited for

  #lock(): void {
    const ints = this.#ints;
    // It is held for microseconds, less than falling asleep and waking up takes.
    for (let tries = 0; tries < LOCK_TRIES; tries++) {
      if (Atomics.compareExchange(ints, LOCK, 0, 1) === 0) return;
    }
    while (Atomics.exchange(ints, LOCK, 2) !== 0) Atomics.wait(ints, LOCK, 2);
  }

  #unlock(): void {
    if (Atomics.exchange(this.#ints, LOCK, 0) === 2) Atomics.notify(this.#ints, LOCK, 1);
  }

  #locked<T>(action: () => T): T {
    this.#lock();
    try {
      return action();
    } finally {
      this.#unlock();
    }
  }

  #int(index: number): number {
    return Atomics.load(this.#ints, index);
  }

  #float(index: number): number {
    return this.#floats[index] ?? 0;
  }

  // --- state

  get link(): number {
    return this.#int(LINK);
  }

  /** The descriptor of the connection to the peer, -1 for none. */
  get socket(): number {
    return this.#int(SOCKET);
  }

  /** Every acknowledgement waits for the peer. */
  get inStep(): boolean {
    return this.#int(IN_STEP) === 1;
  }

  get frozen(): boolean {
    return this.#int(FROZEN) !== 0;
  }

  get aborted(): boolean {
    return this.#int(ABORTED) === 1;
  }

  /** The dispatcher takes no request until the freeze ends. */
  get parked(): boolean {
    return this.#int(PARKED) === 1;
  }

  set parked(value: boolean) {
    Atomics.store(this.#ints, PARKED, value ? 1 : 0);
  }

  /** Number of the last frame that was handed to the socket. */
  get sent(): number {
    return this.#float(SENT);
  }

  /** Number of the last frame that the peer has applied. */
  get acked(): number {
    return this.#float(ACKED);
  }

  /** When the peer was last heard, see monotonicMs. */
  get heardAt(): number {
    return this.#float(HEARD);
  }

  get unacknowledged(): number {
    return this.#locked(() => this.#replies.count);
  }

  connected(socketFd: number, sent: number): void {
    this.#locked(() => {
      this.#floats[SENT] = sent;
      this.#floats[ACKED] = sent;
      this.#floats[WAKE_AT] = 0;
      this.#floats[HEARD] = this.#outside.now();
      Atomics.store(this.#ints, SOCKET, socketFd);
      Atomics.store(this.#ints, IN_STEP, 0);
      Atomics.store(this.#ints, LINK, Link.connected);
    });
  }

  /** From the next change on every acknowledgement waits for the peer. */
  enterStep(): void {
    this.#locked(() => {
      if (this.#int(LINK) === Link.connected) Atomics.store(this.#ints, IN_STEP, 1);
    });
  }

  /** Returns false for 'hold' when there is no peer in step to lose. */
  setHold(hold: boolean): boolean {
    return this.#locked(() => {
      if (hold && (this.#int(LINK) !== Link.connected || this.#int(IN_STEP) === 0)) return false;
      Atomics.store(this.#ints, HOLD, hold ? 1 : 0);
      return true;
    });
  }

  /** About to hand frame `number` to the socket. */
  noteSent(number: number): void {
    this.#floats[SENT_TIMES + (number % SENT_TIME_SLOTS)] = this.#outside.now();
    this.#floats[SENT] = number;
  }

  /** When the frame of this number was sent; null when it is not known any more. */
  sentAt(number: number): number | null {
    const isKnown = number <= this.sent && this.sent - number < SENT_TIME_SLOTS;
    return isKnown ? this.#float(SENT_TIMES + (number % SENT_TIME_SLOTS)) : null;
  }

  noteHeard(): void {
    this.#floats[HEARD] = this.#outside.now();
  }

  /** The peer has applied every frame up to `number`: replies that waited for it go out. */
  noteAcknowledged(number: number): void {
    const now = this.#outside.now();
    const lag = now - this.#float(SENT_TIMES + (number % SENT_TIME_SLOTS));
    const count = Atomics.add(this.#ints, LAG_COUNT, 1);
    this.#floats[LAGS + (count % LAG_SLOTS)] = lag;
    this.#lock();
    const wakes = this.#advanceLocked(number);
    this.#floats[HEARD] = now;
    this.#releaseLocked();
    this.#unlock();
    if (wakes) this.#outside.wake();
  }

  /** Returns whether the dispatcher waits for this. */
  #advanceLocked(number: number): boolean {
    if (number > this.#float(ACKED)) this.#floats[ACKED] = number;
    const wakeAt = this.#float(WAKE_AT);
    if (wakeAt === 0 || wakeAt > this.#float(ACKED)) return false;
    this.#floats[WAKE_AT] = 0;
    return true;
  }

  /** Wakes the dispatcher once the peer has applied frame `number`. Returns false when it has already. */
  wakeAt(number: number): boolean {
    return this.#locked(() => {
      const isDue = number <= this.#float(ACKED);
      this.#floats[WAKE_AT] = isDue ? 0 : number;
      return !isDue;
    });
  }

  /** Median lag since the last call, microseconds; null without traffic. */
  takeLagMicros(): number | null {
    const count = Math.min(Atomics.exchange(this.#ints, LAG_COUNT, 0), LAG_SLOTS);
    if (count === 0) return null;
    const lags = Array.from(this.#floats.subarray(LAGS, LAGS + count)).sort((a, b) => a - b);
    return Math.round((lags[count >> 1] ?? 0) * 1000);
  }

  // --- replies

  /** Waits until one more reply can be held. `meanwhile` is called again and again, to finish what this thread has to finish itself. */
  makeRoom(meanwhile: () => void): void {
    while (this.#locked(() => this.#replies.full)) {
      meanwhile();
      this.disk.elsewhere();
      this.#replies.waitForRoom(2);
      this.disk.busy();
    }
  }

  /**
   * Takes a reply over. It goes out when frame `number` is acknowledged (0: without waiting for one) and nothing else of {@link WaitsFor} is
   * outstanding, never during a freeze. There has to be room.
   * @returns its ticket
   */
  hold(reply: Uint8Array, number: number, waits: number): number {
    this.#lock();
    const ticket = this.#replies.add(reply, number, waits);
    if (waits === WaitsFor.nothing) this.#releaseLocked();
    this.#unlock();
    return ticket;
  }

  /** A held reply has what it waited for on this host. */
  localDone(ticket: number): void {
    this.#lock();
    this.#replies.localDone(ticket);
    this.#releaseLocked();
    this.#unlock();
  }

  /** A held reply becomes an error, which goes out when frame `number` is acknowledged. */
  fail(ticket: number, errno: number, number: number): void {
    this.#locked(() => {
      this.#replies.fail(ticket, errno, number);
      this.#releaseLocked();
    });
  }

  /** A held reply waits for frame `number` instead, which was not known when it was taken. */
  retarget(ticket: number, number: number): void {
    this.#locked(() => {
      this.#replies.retarget(ticket, number);
      this.#releaseLocked();
    });
  }

  /** The peer has carried out the flush of frame `number`, and so has applied what was sent before it. */
  notePeerFlushed(number: number): void {
    const wakes = this.#locked(() => {
      this.#floats[HEARD] = this.#outside.now();
      const isAwaited = this.#advanceLocked(number);
      this.#replies.peerFlushed(number);
      this.#releaseLocked();
      return isAwaited;
    });
    if (wakes) this.#outside.wake();
  }

  /** The frame of the oldest flush that a reply waits for, 0 for none. */
  get oldestPeerFlush(): number {
    return this.#locked(() => this.#replies.oldestPeerFlush);
  }

  #releaseLocked(): void {
    const aborted = this.#int(ABORTED) === 1;
    if (!aborted && this.#int(FROZEN) !== 0) return;
    this.#replies.release({ aborted, inStep: this.#int(IN_STEP) === 1, acked: this.#float(ACKED) });
  }

  // --- decisions

  /**
   * The peer is lost. Exactly one caller is told so. In 'hold' mode everything is held from here on, else nothing is any more.
   * Wakes every thread that is stuck on the connection.
   */
  declareLost(): boolean {
    const socket = this.#locked(() => {
      if (this.#int(LINK) !== Link.connected) return -1;
      this.#dropLinkLocked();
      if (this.#int(HOLD) === 1) Atomics.or(this.#ints, FROZEN, FROZEN_BY_LOSS);
      else Atomics.store(this.#ints, IN_STEP, 0);
      this.#releaseLocked();
      return this.#int(SOCKET);
    });
    if (socket < 0) return false;
    this.#outside.cut(socket);
    this.#outside.wake();
    return true;
  }

  #dropLinkLocked(): void {
    Atomics.store(this.#ints, LINK, Link.lost);
  }

  /** After the dispatcher and the acknowledging thread have let go of the connection. */
  disconnected(): void {
    this.#locked(() => {
      Atomics.store(this.#ints, LINK, Link.none);
      Atomics.store(this.#ints, SOCKET, -1);
    });
  }

  /** An earlier process of this mirror had promised to wait for its peer, and took the link with it: everything is held. */
  beginHeld(): void {
    this.#locked(() => Atomics.or(this.#ints, FROZEN, FROZEN_BY_LOSS));
  }

  freeze(): void {
    this.#locked(() => Atomics.or(this.#ints, FROZEN, FROZEN_BY_AGENT));
    this.#outside.wake();
  }

  /** Ends a freeze of the agent's. One that the loss of the peer caused goes on. */
  thaw(): void {
    this.#locked(() => {
      Atomics.and(this.#ints, FROZEN, ~FROZEN_BY_AGENT);
      this.#releaseLocked();
    });
    this.#outside.wake();
  }

  /** Nobody is waited for any more; everything held goes out, in order. Returns whether a connection was dropped. */
  goAlone(): boolean {
    const socket = this.#locked(() => {
      const connected = this.#int(LINK) === Link.connected;
      if (connected) this.#dropLinkLocked();
      Atomics.store(this.#ints, IN_STEP, 0);
      Atomics.store(this.#ints, HOLD, 0);
      Atomics.store(this.#ints, FROZEN, 0);
      this.#releaseLocked();
      return connected ? this.#int(SOCKET) : -1;
    });
    if (socket >= 0) this.#outside.cut(socket);
    this.#outside.wake();
    return socket >= 0;
  }

  /** Everything held, now and later, fails with EIO. */
  abort(): void {
    const socket = this.#locked(() => {
      const connected = this.#int(LINK) === Link.connected;
      if (connected) this.#dropLinkLocked();
      Atomics.store(this.#ints, ABORTED, 1);
      this.#releaseLocked();
      return connected ? this.#int(SOCKET) : -1;
    });
    if (socket >= 0) this.#outside.cut(socket);
    this.#outside.wake();
  }
}
