import { Worker } from 'node:worker_threads';
import {
  CachedReader,
  close,
  errnos,
  fstat,
  pipe,
  Poll,
  POLLIN,
  setIoFlusher,
  setNonBlocking,
  tryPread,
  tryRead,
  tryWrite,
} from '../../platform/libc.ts';
import { DiskPace } from '../diskPace.ts';
import { DiskWaits } from '../link/diskWaits.ts';
import { pageAligned, sendReply } from './channel.ts';
import { MAX_IO, OUT_HEADER_SIZE } from './protocol.ts';

/** What a helper thread is started with, as its `workerData`. */
export interface ColdReadSetup {
  readonly role: 'coldReads';
  readonly fuseFd: number;
  /** Where the reads come from. */
  readonly queueFd: number;
  /** Counters: see the constants below. */
  readonly counters: SharedArrayBuffer;
  /** Where it says that it waits for the disk, and as which helper. */
  readonly diskWaits: { readonly buffer: SharedArrayBuffer; readonly at: number };
  readonly number: number;
}

/** Bytes of one read in the queue: descriptor, size, unique (two halves), offset. Far below PIPE_BUF, so never torn. */
const RECORD_SIZE = 24;
const HELPERS = 4;
/** Each helper is a thread with a memory of its own, megabytes of it: one that had nothing to do for this long ends. */
const IDLE_MS = 30_000;

/** Helpers that take reads now. */
const SERVING = 0;
/** Helpers that were ever started, that have begun to look into the queue, and that have ended. */
const STARTED = 1;
const BEGUN = 2;
const ENDED = 3;
/** The dispatcher has closed its end of the queue; the other end was closed. */
const CLOSING = 4;
const CLOSED = 5;
/** Reads in the queue and in the helpers' hands. */
const UNDER_WAY = 6;
const COUNTERS = 7;

/** A longer read keeps the disk busy for long enough to be worth a helper. */
const LARGEST_HERE = 64 * 1024;
/**
 * Reads that have to wait for the disk go to helper threads, so that the dispatcher is free for what else comes in. What the page cache holds
 * is answered at once. The kernel closes no file while a read of it is under way, so a helper's descriptor is good until it has answered.
 * Helpers are started by the first read that needs them, which the dispatcher itself then serves, and end when there are no more.
 */
export class ColdReads {
  readonly #fuseFd: number;
  readonly #script: string;
  readonly #readFd: number;
  readonly #queueFd: number;
  readonly #counters = new Int32Array(new SharedArrayBuffer(COUNTERS * 4));
  readonly #record = Buffer.alloc(RECORD_SIZE);
  readonly #reader: CachedReader;
  readonly #buffer: Uint8Array;
  readonly #requests: Poll;
  #supported = true;
  readonly #pace = new DiskPace();
  readonly #waits: DiskWaits;

  /** `script` is run by each helper, with a {@link ColdReadSetup}, and has to call {@link serveColdReads}. `buffer` takes what is read at once. */
  constructor(fuseFd: number, script: string, buffer: Uint8Array, waits: DiskWaits) {
    this.#fuseFd = fuseFd;
    this.#waits = waits;
    this.#script = script;
    this.#reader = new CachedReader(buffer);
    this.#buffer = buffer;
    this.#requests = new Poll([{ fd: fuseFd, events: POLLIN }]);
    const { readFd, writeFd } = pipe();
    this.#readFd = readFd;
    this.#queueFd = writeFd;
    setNonBlocking(readFd, true);
    setNonBlocking(writeFd, true);
  }

  /** Starts the helpers, unless some are starting already. */
  #start(): void {
    const counters = this.#counters;
    if (Atomics.load(counters, STARTED) !== Atomics.load(counters, BEGUN)) return;
    const setup: Omit<ColdReadSetup, 'number'> = {
      role: 'coldReads',
      fuseFd: this.#fuseFd,
      queueFd: this.#readFd,
      counters: counters.buffer,
      diskWaits: { buffer: this.#waits.buffer, at: this.#waits.at },
    };
    // Not unreferenced: a thread that ends before its helpers have ended by themselves would end them in the middle of a call of the C
    // library, which takes the whole process down.
    for (let number = 0; number < HELPERS; number++) {
      Atomics.add(counters, STARTED, 1);
      const workerData: ColdReadSetup = { ...setup, number };
      new Worker(this.#script, { workerData });
    }
  }

  /** The bytes that were read at once, or null when the disk has to be waited for. */
  readCached(fd: number, offset: number, size: number): number | null {
    if (!this.#supported) return null;
    const got = this.#reader.read(fd, offset, size);
    if (got === size) return got;
    if (got === -errnos.EOPNOTSUPP) this.#supported = false;
    if (got < 0) return null;
    // Either the file ends here or the rest is not in the cache.
    return offset + got >= fstat(fd).size ? got : null;
  }

  /**
   * Reads from the disk at once when that keeps nobody waiting: no other request and no other read is there, and the disk is a fast one. What one
   * program reads piece after piece is spared a change of threads. Null when a helper had better do it.
   */
  readHere(fd: number, offset: number, size: number): number | null {
    if (size > LARGEST_HERE || Atomics.load(this.#counters, UNDER_WAY) !== 0) return null;
    this.#requests.wait(0);
    if (this.#requests.result(0) !== 0) return null;
    let got: number | null = null;
    this.#pace.try(() => (got = tryPread(fd, this.#buffer, offset, size)));
    return got;
  }

  /** Hands a read to the helpers. Returns false when they cannot take it: then the caller reads. */
  submit(fd: number, offset: number, size: number, uniqueLow: number, uniqueHigh: number): boolean {
    if (!this.#supported) return false;
    if (Atomics.load(this.#counters, SERVING) === 0) {
      this.#start();
      return false;
    }
    const record = this.#record;
    record.writeInt32LE(fd, 0);
    record.writeUInt32LE(size, 4);
    record.writeUInt32LE(uniqueLow, 8);
    record.writeUInt32LE(uniqueHigh, 12);
    record.writeDoubleLE(offset, 16);
    Atomics.add(this.#counters, UNDER_WAY, 1);
    if (tryWrite(this.#queueFd, record) !== RECORD_SIZE) {
      Atomics.sub(this.#counters, UNDER_WAY, 1);
      return false;
    }
    // The last helper may have gone meanwhile. One that has not said so yet looks into the queue once more afterwards.
    if (Atomics.load(this.#counters, SERVING) === 0) this.#start();
    return true;
  }

  /** Lets the helpers end. */
  close(): void {
    Atomics.store(this.#counters, CLOSING, 1);
    close(this.#queueFd);
    closeIfLast(this.#counters, this.#readFd);
  }
}

/** The last one closes the queue's end: earlier, a helper that starts late would read from whatever has its number by then. */
function closeIfLast(counters: Int32Array, queueFd: number): void {
  if (Atomics.load(counters, CLOSING) === 0) return;
  if (Atomics.load(counters, STARTED) !== Atomics.load(counters, ENDED)) return;
  if (Atomics.compareExchange(counters, CLOSED, 0, 1) === 0) close(queueFd);
}

/** A helper thread: answers one read after the other until the queue is closed, or until there were none for long. */
export function serveColdReads(setup: ColdReadSetup): void {
  try {
    setIoFlusher();
  } catch {
    // Needs CAP_SYS_RESOURCE; without it memory pressure can slow the mirror down.
  }
  const counters = new Int32Array(setup.counters);
  const waits = new DiskWaits(setup.diskWaits.buffer, setup.diskWaits.at);
  // The data lie on a page, with the header before it.
  const memory = Buffer.from(pageAligned(4096 + MAX_IO));
  const reply = memory.subarray(4096 - OUT_HEADER_SIZE);
  const data = memory.subarray(4096);
  const record = Buffer.alloc(RECORD_SIZE);
  const poll = new Poll([{ fd: setup.queueFd, events: POLLIN }]);
  /** Whether the queue is still open. */
  const serveWaiting = (): boolean => {
    for (;;) {
      const got = tryRead(setup.queueFd, record);
      if (got === -errnos.EAGAIN || got === -errnos.EINTR) return true;
      if (got !== RECORD_SIZE) return false;
      const size = Math.min(record.readUInt32LE(4), MAX_IO);
      waits.reader(setup.number);
      const count = tryPread(record.readInt32LE(0), data, record.readDoubleLE(16), size);
      waits.reader(setup.number);
      const length = OUT_HEADER_SIZE + Math.max(0, count);
      reply.writeUInt32LE(length, 0);
      reply.writeInt32LE(Math.min(0, count), 4);
      record.copy(reply, 8, 8, 16);
      Atomics.sub(counters, UNDER_WAY, 1);
      sendReply(setup.fuseFd, reply, length);
    }
  };
  Atomics.add(counters, SERVING, 1);
  Atomics.add(counters, BEGUN, 1);
  try {
    let servedAt = process.hrtime.bigint();
    for (;;) {
      poll.wait(IDLE_MS);
      const isIdle = poll.result(0) === 0;
      if (!serveWaiting()) break;
      const now = process.hrtime.bigint();
      if (!isIdle) servedAt = now;
      else if (Number(now - servedAt) / 1e6 >= IDLE_MS) break;
    }
  } finally {
    Atomics.sub(counters, SERVING, 1);
    // What came between the last look and the moment when this was known.
    serveWaiting();
    Atomics.add(counters, ENDED, 1);
    closeIfLast(counters, setup.queueFd);
  }
}
