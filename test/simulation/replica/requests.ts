import { runsServer, type Host } from '../host.ts';
import type { Surroundings } from '../surroundings.ts';

/** Of the writes every so many is done before anybody is told of it. */
const announcedAfterwards = 3;
/** Every so many the guest leaves to its system. */
const neverFlushed = 4;
const headerBytes = 16;
const replyBytes = headerBytes + 8;

interface Mirror {
  readonly isFrozen: () => boolean;
  /** Happens only as long as the mirror process is there. */
  readonly after: (ms: number, run: () => void) => void;
  /** As `after`, and the dispatcher does nothing else until then. */
  readonly busyFor: (ms: number, run: () => void) => void;
  /** What is to be durable before a write is. Returns false when it is refused. */
  readonly prepare: (write: number) => boolean;
  /** Returns the ticket of the reply. @param isDone whether this host's disk has done it already */
  readonly announce: (write: number, reply: Uint8Array, isDone: boolean) => number;
  readonly beginFlush: (write: number, reply: Uint8Array) => number;
  /** This host's disk is done. */
  readonly done: (ticket: number) => void;
  /** This host's disk has lost what was to be made durable. */
  readonly failed: (ticket: number) => void;
}

/** What a guest asks of its disk: each write, and then that it be durable; and what the host's own disk does for that. */
export class Requests {
  readonly #world: Surroundings;
  readonly #host: Host;
  readonly #mirror: Mirror;
  /** What this host's disk is at work on, in order: writes, with what follows when they are in the files. */
  readonly #atWork = new Map<number, () => void>();
  /** What waits for the end of a freeze. */
  #waiting: (() => void)[] = [];

  constructor(world: Surroundings, host: Host, mirror: Mirror) {
    this.#world = world;
    this.#host = host;
    this.#mirror = mirror;
  }

  /** Nothing is taken during a freeze. */
  take(run: () => void): void {
    if (this.#mirror.isFrozen()) this.#waiting.push(run);
    else run();
  }

  goOn(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) this.#mirror.after(0, () => this.take(each));
  }

  write(write: number): void {
    const { costs, random } = this.#world;
    costs.writes(write);
    if (!this.#mirror.prepare(write)) return;
    const reply = requestOf(write, false);
    const takesMs = random.between(0, 2) + this.#host.disk.slowMs;
    if (write % announcedAfterwards === 0) {
      // As changes of names: whatever befalls the mirror meanwhile, this request is in hand.
      this.#mirror.busyFor(takesMs, () => {
        this.#host.disk.put(write, true);
        this.#mirror.announce(write, reply, true);
      });
      return;
    }
    const ticket = this.#mirror.announce(write, reply, false);
    this.#atWork.set(write, () => {
      this.#host.disk.put(write, true);
      this.#mirror.done(ticket);
    });
    this.#mirror.after(takesMs, () => this.#finishOne(write));
  }

  #finishOne(write: number): void {
    const done = this.#atWork.get(write);
    this.#atWork.delete(write);
    done?.();
  }

  #flush(write: number): void {
    const ticket = this.#mirror.beginFlush(write, requestOf(write, true));
    this.#mirror.after(this.flushMs(), () => {
      const { disk } = this.#host;
      if (disk.lost.has(write)) {
        this.#mirror.failed(ticket);
        return;
      }
      disk.flush([write]);
      this.#mirror.done(ticket);
    });
  }

  flushMs(): number {
    return this.#world.random.between(1, 5) + this.#host.disk.slowMs;
  }

  /** Writes that are on their way into the files. */
  get underWay(): Iterable<number> {
    return this.#atWork.keys();
  }

  /** Waits for them. */
  finish(): void {
    for (const write of [...this.#atWork.keys()]) this.#finishOne(write);
  }

  /** A reply has gone out to the kernel. Whoever decided that it may must not be called from here. */
  answered(reply: Uint8Array): void {
    const view = new DataView(reply.buffer, reply.byteOffset, reply.byteLength);
    const hasFailed = view.getInt32(4, true) !== 0;
    if (hasFailed || this.#host.disk.files.isOff) return;
    const write = Number(view.getBigUint64(8, true) >> 1n);
    const isFlush = (view.getUint8(8) & 1) === 1;
    const { checker } = this.#world;
    try {
      if (isFlush) checker.acknowledges(this.#host, write);
      else checker.applies(this.#host, write);
    } catch (violation) {
      // Not through whatever the product's code is in the middle of.
      this.#world.clock.after(0, () => {
        throw violation;
      });
    }
    // A guest that is gone asks for nothing more.
    if (!isFlush && write % neverFlushed !== 0) {
      this.#mirror.after(0, () => runsServer(this.#host) && this.take(() => this.#flush(write)));
    }
  }
}

/** As the kernel's: length, error, and the number of the request. */
function requestOf(write: number, isFlush: boolean): Uint8Array {
  const reply = new Uint8Array(replyBytes);
  const view = new DataView(reply.buffer);
  view.setInt32(0, replyBytes, true);
  view.setBigUint64(8, (BigInt(write) << 1n) | (isFlush ? 1n : 0n), true);
  return reply;
}
