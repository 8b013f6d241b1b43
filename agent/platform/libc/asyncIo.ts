import koffi from 'koffi';
import { bind } from './library.ts';
import { errnos, negativeErrno } from './errno.ts';
import { clearEvent, eventfd } from './events.ts';
import { close } from './files.ts';

type Bytes = Uint8Array;
const c = {
  setup: bind<(number: number, count: number, context: Bytes) => number>('int64_t syscall(int64_t, uint64_t, void *)'),
  destroy: bind<(number: number, context: bigint) => number>('int64_t syscall(int64_t, uint64_t)'),
  submit: bind<(number: number, context: bigint, count: number, list: Bytes) => number>(
    'int64_t syscall(int64_t, uint64_t, int64_t, void *)',
  ),
  events: bind<
    (number: number, context: bigint, least: number, most: number, events: Bytes, timeout: Bytes | null) => number
  >('int64_t syscall(int64_t, uint64_t, int64_t, int64_t, void *, void *)'),
};

/** Numbers of the system calls, which glibc has no functions for. */
const numbers: Readonly<Record<string, { setup: number; destroy: number; events: number; submit: number }>> = {
  x64: { setup: 206, destroy: 207, events: 208, submit: 209 },
  arm64: { setup: 0, destroy: 1, events: 4, submit: 2 },
};

const PREAD = 0;
const PWRITE = 1;
const FSYNC = 2;
const FDSYNC = 3;
const SIGNAL_EVENT = 1;
const CONTROL_BYTES = 64;
const EVENT_BYTES = 32;
/** A struct timespec of zeros. */
const NO_WAIT = Buffer.alloc(16);

/** The start of the kernel's ring of events as 32 bit words (struct aio_ring in fs/aio.c), which libaio relies on in the same way. */
const RING_HEAD = 2;
const RING_TAIL = 3;
const RING_MAGIC = 4;
const RING_WORDS = 8;
const MAGIC = 0xa10a10a1;

/** Where the bytes of a buffer lie. Only memory outside of the heap of V8 stays there, such as WebAssembly's. */
export function addressOf(buffer: Uint8Array): bigint {
  return BigInt(koffi.address(buffer));
}

/** What could not be begun: the number of the request, and the negative error number. */
export type OnRefused = (number: number, result: number) => void;

/**
 * Reads, writes and flushes that the kernel carries out while the caller goes on (io_submit(2)). Reads and writes only run beside the caller when
 * the file is open for direct I/O. They are queued first, and begun together by {@link submit}. For one thread. The number of a request is chosen
 * by the caller, from 0 to below `depth`, and comes back when it is done; no two that are under way may have the same.
 */
export class AsyncIo {
  /** Readable when something is done, until {@link clear}. */
  readonly eventFd: number;
  readonly #calls: NonNullable<(typeof numbers)[string]>;
  readonly #context: bigint;
  readonly #depth: number;
  readonly #controls: Buffer;
  /** Pointers to the control blocks, as io_submit takes a list of them. */
  readonly #list: Buffer;
  readonly #events: Buffer;
  /** Null when it does not look as we know it. */
  readonly #ring: Uint32Array | null;
  #queued = 0;
  #pending = 0;

  private constructor(calls: NonNullable<(typeof numbers)[string]>, context: bigint, depth: number) {
    this.#calls = calls;
    this.#context = context;
    this.#depth = depth;
    this.eventFd = eventfd();
    // Outside of the heap of V8, which moves what is small.
    this.#controls = Buffer.allocUnsafeSlow(Math.max(4096, depth * CONTROL_BYTES)).fill(0);
    this.#events = Buffer.allocUnsafeSlow(Math.max(4096, depth * EVENT_BYTES));
    this.#list = Buffer.allocUnsafeSlow(Math.max(4096, depth * 8));
    const first = addressOf(this.#controls);
    for (let at = 0; at < depth; at++) this.#list.writeBigUInt64LE(first + BigInt(at * CONTROL_BYTES), at * 8);
    const ring = new Uint32Array(koffi.view(context, RING_WORDS * 4));
    this.#ring = ring[RING_MAGIC] === MAGIC ? ring : null;
  }

  /** Null where the kernel does not offer it. */
  static open(depth: number): AsyncIo | null {
    const calls = numbers[process.arch];
    if (calls === undefined) return null;
    const context = Buffer.alloc(8);
    if (c.setup(calls.setup, depth, context) === -1) return null;
    return new AsyncIo(calls, context.readBigUInt64LE(), depth);
  }

  /** How many requests are queued or under way. */
  get pending(): number {
    return this.#pending + this.#queued;
  }

  /** How many requests wait for {@link submit}. */
  get queued(): number {
    return this.#queued;
  }

  /** Takes the request back that was queued last; its number. */
  takeBack(): number {
    return this.#controls.readUInt32LE(--this.#queued * CONTROL_BYTES);
  }

  /** Queues again what was just taken back. */
  putBack(): void {
    this.#queued++;
  }

  /** Queues a read of `bytes` bytes to `address`, which must stay in place until it is done. */
  read(number: number, fd: number, address: bigint, bytes: number, offset: number): void {
    this.#queue(number, PREAD, fd, address, bytes, offset);
  }

  /** Queues a write of `bytes` bytes from `address`, which must stay as they are until it is done. */
  write(number: number, fd: number, address: bigint, bytes: number, offset: number): void {
    this.#queue(number, PWRITE, fd, address, bytes, offset);
  }

  /** Queues fsync(2) or fdatasync(2). Kernels before 4.18 refuse it. */
  flush(number: number, fd: number, datasync: boolean): void {
    this.#queue(number, datasync ? FDSYNC : FSYNC, fd, 0n, 0, 0);
  }

  #queue(number: number, opcode: number, fd: number, address: bigint, bytes: number, offset: number): void {
    if (this.pending >= this.#depth) throw new Error('more requests are under way than were announced');
    const controls = this.#controls;
    const at = this.#queued++ * CONTROL_BYTES;
    controls.writeUInt32LE(number, at);
    controls.writeUInt16LE(opcode, at + 16);
    controls.writeInt32LE(fd, at + 20);
    controls.writeBigUInt64LE(address, at + 24);
    controls.writeUInt32LE(bytes, at + 32);
    controls.writeUInt32LE(offset >>> 0, at + 40);
    controls.writeUInt32LE(Math.floor(offset / 0x1_0000_0000), at + 44);
    controls.writeUInt32LE(SIGNAL_EVENT, at + 56);
    controls.writeInt32LE(this.eventFd, at + 60);
  }

  /** Begins what is queued. `refused` is told of each request that could not be. */
  submit(refused: OnRefused): void {
    const count = this.#queued;
    if (count === 0) return;
    this.#queued = 0;
    const failed: { number: number; result: number }[] = [];
    for (let at = 0; at < count;) {
      const list = at === 0 ? this.#list : this.#list.subarray(at * 8);
      const begun = c.submit(this.#calls.submit, this.#context, count - at, list);
      if (begun > 0) {
        this.#pending += begun;
        at += begun;
      } else {
        failed.push({ number: this.#controls.readUInt32LE(at * CONTROL_BYTES), result: negativeErrno() });
        at++;
      }
    }
    for (const { number, result } of failed) refused(number, result);
  }

  /** Makes the event descriptor unreadable. Call it before {@link reap}, never behind it. */
  clear(): void {
    clearEvent(this.eventFd);
  }

  /**
   * Hands what is done to `done`: the number of the request, and what the call returned or its negative error number. With `wait` it waits
   * until something is, if anything was begun.
   */
  reap(wait: boolean, done: (number: number, result: number) => void): void {
    if (this.#pending === 0) return;
    if (!wait && this.#ring !== null && this.#ring[RING_HEAD] === this.#ring[RING_TAIL]) return;
    const most = this.#events.length / EVENT_BYTES;
    let got: number;
    do {
      got = c.events(this.#calls.events, this.#context, wait ? 1 : 0, most, this.#events, wait ? null : NO_WAIT);
    } while (got === -1 && negativeErrno() === -errnos.EINTR && wait);
    for (let at = 0; at < got; at++) {
      this.#pending--;
      const event = at * EVENT_BYTES;
      done(this.#events.readUInt32LE(event), this.#events.readInt32LE(event + 16));
    }
  }

  /** Waits for what is under way, which nobody hears of, and gives everything back. */
  close(): void {
    this.submit(() => undefined);
    while (this.#pending > 0) this.reap(true, () => undefined);
    c.destroy(this.#calls.destroy, this.#context);
    close(this.eventFd);
  }
}
