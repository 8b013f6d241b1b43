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

const PWRITE = 1;
const FSYNC = 2;
const FDSYNC = 3;
const SIGNAL_EVENT = 1;
const EVENT_BYTES = 32;
/** A struct timespec of zeros. */
const NO_WAIT = Buffer.alloc(16);

/** Where the bytes of a buffer lie. Only memory outside of the heap of V8 stays there, such as WebAssembly's. */
export function addressOf(buffer: Uint8Array): bigint {
  return BigInt(koffi.address(buffer));
}

/**
 * Writes and flushes that the kernel carries out while the caller goes on (io_submit(2)). Writes only run beside the caller when the file is
 * open for direct I/O. For one thread. The number of a request is chosen by the caller, from 0 to below `depth`, and comes back when it is
 * done; no two that are under way may have the same.
 */
export class AsyncIo {
  /** Readable when something is done, until {@link clear}. */
  readonly eventFd: number;
  readonly #calls: NonNullable<(typeof numbers)[string]>;
  readonly #context: bigint;
  readonly #control: Buffer;
  /** A pointer to the control block, as io_submit takes a list of them. */
  readonly #list = Buffer.alloc(8);
  readonly #events: Buffer;
  #pending = 0;
  #flushes = true;

  private constructor(calls: NonNullable<(typeof numbers)[string]>, context: bigint, depth: number) {
    this.#calls = calls;
    this.#context = context;
    this.eventFd = eventfd();
    // Outside of the heap of V8, which moves what is small.
    this.#control = Buffer.allocUnsafeSlow(4096).fill(0);
    this.#events = Buffer.allocUnsafeSlow(Math.max(4096, depth * EVENT_BYTES));
    this.#list.writeBigUInt64LE(addressOf(this.#control));
  }

  /** Null where the kernel does not offer it. */
  static open(depth: number): AsyncIo | null {
    const calls = numbers[process.arch];
    if (calls === undefined) return null;
    const context = Buffer.alloc(8);
    if (c.setup(calls.setup, depth, context) === -1) return null;
    return new AsyncIo(calls, context.readBigUInt64LE(), depth);
  }

  /** How many requests are under way. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Starts to write `bytes` bytes from `address`, which must stay as they are until it is done. Returns 0, or the negative error number: nothing
   * was started then.
   */
  write(number: number, fd: number, address: bigint, bytes: number, offset: number): number {
    return this.#submit(number, PWRITE, fd, address, bytes, offset);
  }

  /** Starts fsync(2) or fdatasync(2). As {@link write}; -EOPNOTSUPP where only the call that waits does it. */
  flush(number: number, fd: number, datasync: boolean): number {
    if (!this.#flushes) return -errnos.EOPNOTSUPP;
    const result = this.#submit(number, datasync ? FDSYNC : FSYNC, fd, 0n, 0, 0);
    // Before Linux 4.18.
    if (result !== -errnos.EINVAL) return result;
    this.#flushes = false;
    return -errnos.EOPNOTSUPP;
  }

  #submit(number: number, opcode: number, fd: number, address: bigint, bytes: number, offset: number): number {
    const control = this.#control;
    control.writeUInt32LE(number, 0);
    control.writeUInt16LE(opcode, 16);
    control.writeInt32LE(fd, 20);
    control.writeBigUInt64LE(address, 24);
    control.writeUInt32LE(bytes, 32);
    control.writeUInt32LE(offset >>> 0, 40);
    control.writeUInt32LE(Math.floor(offset / 0x1_0000_0000), 44);
    control.writeUInt32LE(SIGNAL_EVENT, 56);
    control.writeInt32LE(this.eventFd, 60);
    if (c.submit(this.#calls.submit, this.#context, 1, this.#list) === -1) return negativeErrno();
    this.#pending++;
    return 0;
  }

  /** Makes the event descriptor unreadable. Call it before {@link reap}, never behind it. */
  clear(): void {
    clearEvent(this.eventFd);
  }

  /**
   * Hands what is done to `done`: the number of the request, and what the call returned or its negative error number. With `wait` it waits
   * until something is, if anything is under way.
   */
  reap(wait: boolean, done: (number: number, result: number) => void): void {
    if (this.#pending === 0) return;
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
    while (this.#pending > 0) this.reap(true, () => undefined);
    c.destroy(this.#calls.destroy, this.#context);
    close(this.eventFd);
  }
}
