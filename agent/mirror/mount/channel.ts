import { addressOf, ErrnoError, errnos, must, tryRead, tryWrite } from '../../platform/libc.ts';
import type { FileStat } from '../../platform/libc.ts';
import { requestOf, type MountJournal } from './journal.ts';
import { IN_HEADER_SIZE, MAX_IO, OUT_HEADER_SIZE } from './protocol.ts';

/** Where payloads start in both buffers, bytes: on a page, which O_DIRECT asks for, with a page of room for headers before it. */
const PAYLOAD = 4096;
const WRITE_IN_SIZE = 40;
const IN_START = PAYLOAD - IN_HEADER_SIZE - WRITE_IN_SIZE;
const IN_BODY = IN_START + IN_HEADER_SIZE;
const OUT_START = PAYLOAD - OUT_HEADER_SIZE;
const IN_WORD = IN_START >> 2;
const BODY_WORD = IN_BODY >> 2;
const OUT_WORD = OUT_START >> 2;
const REPLY_WORD = PAYLOAD >> 2;
const READ_SIZE = MAX_IO + PAYLOAD;
const BUFFER_BYTES = Math.ceil((IN_START + READ_SIZE) / PAYLOAD) * PAYLOAD;
/** Payloads that can be kept at a time. Memory that was never used costs nothing. */
export const MOST_KEPT = 16;
const WORD = 4294967296;

/** The part of the global that we use; its full types come with a browser's, which we are not. */
declare const WebAssembly: {
  readonly Memory: new (descriptor: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
};

/** WebAssembly memory starts on a page; nothing else in JavaScript promises that. */
export const pageAligned = (bytes: number): ArrayBuffer =>
  new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536) }).buffer;

/** A buffer for one request. */
export class RequestBuffer {
  readonly words: Uint32Array;
  readonly signed: Int32Array;
  readonly bytes: Buffer;
  readonly receiving: Buffer;
  /** Where the payload of a WRITE lies in memory. */
  readonly payload: bigint;

  /** @param memory on a page */
  constructor(memory: ArrayBuffer, offset: number) {
    this.bytes = Buffer.from(memory, offset, BUFFER_BYTES);
    this.words = new Uint32Array(memory, offset, BUFFER_BYTES >> 2);
    this.signed = new Int32Array(memory, offset, BUFFER_BYTES >> 2);
    this.receiving = this.bytes.subarray(IN_START, IN_START + READ_SIZE);
    this.payload = addressOf(this.bytes) + BigInt(PAYLOAD);
  }

  /** A part of the payload of a WRITE. */
  payloadBytes(start: number, end: number): Buffer {
    return this.bytes.subarray(PAYLOAD + start, PAYLOAD + end);
  }
}

/**
 * One request in, one reply out, without copying. The payload of a WRITE starts on a page and has a page before it in the same buffer, of
 * which everything may be overwritten once the request was read: room for the header of a frame.
 */
export class FuseChannel {
  readonly fd: number;
  /** The one that was given back last is used first: the others may never have been touched. */
  readonly #free: RequestBuffer[] = [];
  #in: RequestBuffer;
  readonly #out = Buffer.from(pageAligned(PAYLOAD + MAX_IO + PAYLOAD));
  readonly #outWords = new Uint32Array(this.#out.buffer);
  readonly #sending = this.#out.subarray(OUT_START);
  /** Where the body of a reply goes. */
  readonly replyBody = this.#out.subarray(PAYLOAD);
  #end = 0;

  opcode = 0;
  nodeId = 0;
  uid = 0;
  gid = 0;
  /** The two halves of the number that a reply names its request by. */
  uniqueLow = 0;
  uniqueHigh = 0;
  /** What the next process must know is written before an answer goes out. */
  journal: MountJournal | null = null;

  constructor(fd: number) {
    this.fd = fd;
    const memory = pageAligned((MOST_KEPT + 1) * BUFFER_BYTES);
    this.#in = new RequestBuffer(memory, 0);
    for (let at = MOST_KEPT; at > 0; at--) this.#free.push(new RequestBuffer(memory, at * BUFFER_BYTES));
  }

  /** Leaves the present request where it is, until its buffer is given back. Null when too many are kept. */
  keep(): RequestBuffer | null {
    const kept = this.#in;
    const next = this.#free.pop();
    if (next === undefined) return null;
    this.#in = next;
    return kept;
  }

  giveBack(buffer: RequestBuffer): void {
    this.#free.push(buffer);
  }

  /** Where the payload of the present WRITE lies in memory. */
  get payload(): bigint {
    return this.#in.payload;
  }

  /** Reads one request. Returns its length, or the negative error number of read(2). */
  receive(): number {
    const length = tryRead(this.fd, this.#in.receiving, READ_SIZE);
    if (length < 0) return length;
    const { words } = this.#in;
    this.#end = IN_START + length;
    this.opcode = words[IN_WORD + 1] as number;
    this.uniqueLow = words[IN_WORD + 2] as number;
    this.uniqueHigh = words[IN_WORD + 3] as number;
    this.nodeId = (words[IN_WORD + 4] as number) + (words[IN_WORD + 5] as number) * WORD;
    this.uid = words[IN_WORD + 6] as number;
    this.gid = words[IN_WORD + 7] as number;
    return length;
  }

  /** The 32 bit word of the request's body at `index`. */
  u32(index: number): number {
    return this.#in.words[BODY_WORD + index] as number;
  }

  /** The unsigned 64 bit number that starts at the word `index`; exact below 2^53, which no offset, size or identifier of ours reaches. */
  u64(index: number): number {
    return (this.#in.words[BODY_WORD + index] as number) + (this.#in.words[BODY_WORD + index + 1] as number) * WORD;
  }

  /** As {@link u64}, signed. */
  s64(index: number): number {
    return (this.#in.words[BODY_WORD + index] as number) + (this.#in.signed[BODY_WORD + index + 1] as number) * WORD;
  }

  /** The NUL-terminated byte string at `offset` bytes of the body. Throws EINVAL when the request ends before the NUL. */
  name(offset: number): string {
    const end = this.#in.bytes.indexOf(0, IN_BODY + offset);
    if (end === -1 || end >= this.#end) throw new ErrnoError(errnos.EINVAL, 'fuse request');
    return this.#in.bytes.toString('latin1', IN_BODY + offset, end);
  }

  /** `size` bytes at `offset` bytes of the body, not copied: valid until the next request is read. */
  data(offset: number, size: number): Uint8Array {
    if (IN_BODY + offset + size > this.#end) throw new ErrnoError(errnos.EINVAL, 'fuse request');
    return new Uint8Array(this.#in.words.buffer, this.#in.words.byteOffset + IN_BODY + offset, size);
  }

  /** Sets the word of the reply's body at `index`. */
  put32(index: number, value: number): void {
    this.#outWords[REPLY_WORD + index] = value;
  }

  /** Sets the 64 bit number of the reply's body that starts at the word `index`. */
  put64(index: number, value: number): void {
    const high = Math.floor(value / WORD);
    this.#outWords[REPLY_WORD + index] = value - high * WORD;
    this.#outWords[REPLY_WORD + index + 1] = high;
  }

  /** Zeroes `count` words of the reply's body from `index` on. */
  clear(index: number, count: number): void {
    this.#outWords.fill(0, REPLY_WORD + index, REPLY_WORD + index + count);
  }

  /** struct fuse_attr at the word `index`. */
  putAttr(index: number, stat: FileStat): void {
    this.put64(index, stat.ino);
    this.put64(index + 2, stat.size);
    this.put64(index + 4, stat.blocks);
    this.put64(index + 6, stat.atimeSec);
    this.put64(index + 8, stat.mtimeSec);
    this.put64(index + 10, stat.ctimeSec);
    this.put32(index + 12, stat.atimeNsec);
    this.put32(index + 13, stat.mtimeNsec);
    this.put32(index + 14, stat.ctimeNsec);
    this.put32(index + 15, stat.mode);
    this.put32(index + 16, stat.nlink);
    this.put32(index + 17, stat.uid);
    this.put32(index + 18, stat.gid);
    this.put32(index + 19, stat.rdev);
    this.put32(index + 20, stat.blksize);
    this.put32(index + 21, 0);
  }

  /** struct fuse_attr_out at the start of the body. */
  putAttrOut(stat: FileStat, validSeconds: number): void {
    this.put64(0, validSeconds);
    this.put64(2, 0);
    this.putAttr(4, stat);
  }

  /** struct fuse_entry_out at the word `index`. Identifiers are never used twice, so the generation stays 0. */
  putEntry(index: number, nodeId: number, stat: FileStat, validSeconds: number): void {
    this.put64(index, nodeId);
    this.put64(index + 2, 0);
    this.put64(index + 4, validSeconds);
    this.put64(index + 6, validSeconds);
    this.put64(index + 8, 0);
    this.putAttr(index + 10, stat);
  }

  /** Completes the reply with `bodyLength` bytes of body, or with an error number and none. Valid until the next request is read. */
  seal(bodyLength: number, errno = 0): Uint8Array {
    const length = OUT_HEADER_SIZE + (errno === 0 ? bodyLength : 0);
    this.#outWords[OUT_WORD] = length;
    this.#outWords[OUT_WORD + 1] = -errno;
    this.#outWords[OUT_WORD + 2] = this.uniqueLow;
    this.#outWords[OUT_WORD + 3] = this.uniqueHigh;
    return new Uint8Array(this.#out.buffer, OUT_START, length);
  }

  /** Answers with `bodyLength` bytes of body, or with an error number. */
  answer(bodyLength: number, errno = 0): void {
    const bytes = this.seal(bodyLength, errno);
    if (this.journal?.pending === true) this.journal.end(this.request, bytes);
    this.#send(bytes.byteLength);
  }

  /** The request's number, the same when it is sent again. */
  get request(): number {
    return requestOf(this.uniqueLow, this.uniqueHigh);
  }

  /** An answer that was prepared by an earlier process, for this request, which was sent again. */
  sealAgain(answer: Uint8Array): Uint8Array {
    this.#out.set(answer, OUT_START);
    this.#outWords[OUT_WORD + 2] = this.uniqueLow;
    this.#outWords[OUT_WORD + 3] = this.uniqueHigh;
    return new Uint8Array(this.#out.buffer, OUT_START, answer.byteLength);
  }

  /** Sends what {@link seal} completed last. */
  sendSealed(bytes: Uint8Array): void {
    this.#send(bytes.byteLength);
  }

  #send(length: number): void {
    sendReply(this.fd, this.#sending, length);
  }
}

/** Writes one reply to /dev/fuse. */
export function sendReply(fuseFd: number, reply: Uint8Array, length: number): void {
  const result = tryWrite(fuseFd, reply, length);
  // ENOENT: the caller was interrupted and waits no more. ENODEV, ECONNABORTED: unmounted; the next receive says so.
  if (result >= 0 || result === -errnos.ENOENT || result === -errnos.ENODEV || result === -errnos.ECONNABORTED) return;
  must(result, 'write', '/dev/fuse');
}
