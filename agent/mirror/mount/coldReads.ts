import { Worker } from 'node:worker_threads';
import {
  CachedReader,
  close,
  errnos,
  fstat,
  pipe,
  setIoFlusher,
  setNonBlocking,
  tryPread,
  tryRead,
  tryWrite,
} from '../../platform/libc.ts';
import { pageAligned, sendReply } from './channel.ts';
import { MAX_IO, OUT_HEADER_SIZE } from './protocol.ts';

/** What a helper thread is started with, as its `workerData`. */
export interface ColdReadSetup {
  readonly role: 'coldReads';
  readonly fuseFd: number;
  /** Where the reads come from. */
  readonly queueFd: number;
  /** As an Int32Array: how many helpers serve, how many have ended. */
  readonly serving: SharedArrayBuffer;
}

/** Bytes of one read in the queue: descriptor, size, unique (two halves), offset. Far below PIPE_BUF, so never torn. */
const RECORD_SIZE = 24;
const HELPERS = 4;

/**
 * Reads that have to wait for the disk go to helper threads, so that the dispatcher is free for what else comes in. What the page cache holds
 * is answered at once. The kernel closes no file while a read of it is under way, so a helper's descriptor is good until it has answered.
 */
export class ColdReads {
  readonly #queueFd: number;
  readonly #serving = new Int32Array(new SharedArrayBuffer(8));
  readonly #record = Buffer.alloc(RECORD_SIZE);
  readonly #reader: CachedReader;
  #supported = true;

  /** `script` is run by each helper, with a {@link ColdReadSetup}, and has to call {@link serveColdReads}. `buffer` takes what is read at once. */
  constructor(fuseFd: number, script: string, buffer: Uint8Array) {
    this.#reader = new CachedReader(buffer);
    const { readFd, writeFd } = pipe();
    this.#queueFd = writeFd;
    setNonBlocking(writeFd, true);
    const workerData: ColdReadSetup = { role: 'coldReads', fuseFd, queueFd: readFd, serving: this.#serving.buffer };
    // Not unreferenced: a thread that ends before its helpers have ended by themselves would end them in the middle of a call of the C
    // library, which takes the whole process down.
    for (let count = 0; count < HELPERS; count++) new Worker(script, { workerData });
  }

  /** The bytes that were read at once, or null when the disk has to be waited for. */
  readCached(fd: number, offset: number, size: number): number | null {
    if (!this.#supported || this.#serving[0] === 0) return null;
    const got = this.#reader.read(fd, offset, size);
    if (got === size) return got;
    if (got === -errnos.EOPNOTSUPP) this.#supported = false;
    if (got < 0) return null;
    // Either the file ends here or the rest is not in the cache.
    return offset + got >= fstat(fd).size ? got : null;
  }

  /** Hands a read to the helpers. Returns false when they cannot take it: then the caller reads. */
  submit(fd: number, offset: number, size: number, uniqueLow: number, uniqueHigh: number): boolean {
    if (!this.#supported || Atomics.load(this.#serving, 0) === 0) return false;
    const record = this.#record;
    record.writeInt32LE(fd, 0);
    record.writeUInt32LE(size, 4);
    record.writeUInt32LE(uniqueLow, 8);
    record.writeUInt32LE(uniqueHigh, 12);
    record.writeDoubleLE(offset, 16);
    return tryWrite(this.#queueFd, record) === RECORD_SIZE;
  }

  /** Lets the helpers end. */
  close(): void {
    close(this.#queueFd);
  }
}

/** A helper thread: answers one read after the other until the queue is closed. */
export function serveColdReads(setup: ColdReadSetup): void {
  try {
    setIoFlusher();
  } catch {
    // Needs CAP_SYS_RESOURCE; without it memory pressure can slow the mirror down.
  }
  const serving = new Int32Array(setup.serving);
  // The data lie on a page, with the header before it.
  const memory = Buffer.from(pageAligned(4096 + MAX_IO));
  const reply = memory.subarray(4096 - OUT_HEADER_SIZE);
  const data = memory.subarray(4096);
  const record = Buffer.alloc(RECORD_SIZE);
  Atomics.add(serving, 0, 1);
  try {
    while (tryRead(setup.queueFd, record) === RECORD_SIZE) {
      const size = Math.min(record.readUInt32LE(4), MAX_IO);
      const got = tryPread(record.readInt32LE(0), data, record.readDoubleLE(16), size);
      const length = OUT_HEADER_SIZE + Math.max(0, got);
      reply.writeUInt32LE(length, 0);
      reply.writeInt32LE(Math.min(0, got), 4);
      record.copy(reply, 8, 8, 16);
      sendReply(setup.fuseFd, reply, length);
    }
  } finally {
    Atomics.sub(serving, 0, 1);
    // The last one closes the queue's end: earlier, one that starts late would read from whatever has its number by then.
    if (Atomics.add(serving, 1, 1) === HELPERS - 1) close(setup.queueFd);
  }
}
