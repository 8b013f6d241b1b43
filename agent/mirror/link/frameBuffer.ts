import { tryReceive } from '../../platform/libc.ts';
import { HEADER_BYTES, TAG_BYTES } from './protocol.ts';
import type { FrameHeader, Opener } from './sealer.ts';

/** Collects what a socket delivers and cuts it into greetings and frames. */
export class FrameBuffer {
  #buffer = Buffer.allocUnsafe(1 << 18);
  #start = 0;
  #end = 0;

  /** recv(2) once: bytes received, 0 at the end of the connection, or the negative error number. */
  receive(fd: number, flags = 0): number {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    else if (this.#buffer.length - this.#end < this.#buffer.length >> 2) this.#compact(this.#buffer.length);
    const got = tryReceive(fd, this.#buffer.subarray(this.#end), this.#buffer.length - this.#end, flags);
    if (got > 0) this.#end += got;
    return got;
  }

  #compact(capacity: number): void {
    const target = capacity > this.#buffer.length ? Buffer.allocUnsafe(capacity) : this.#buffer;
    this.#buffer.copy(target, 0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    this.#buffer = target;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** `count` bytes as they are, null when they are not complete yet. */
  take(count: number): Buffer | null {
    if (this.length < count) return null;
    const bytes = Buffer.from(this.#buffer.subarray(this.#start, this.#start + count));
    this.#start += count;
    return bytes;
  }

  /**
   * The next complete frame, decrypted; null when it is not complete yet. The payload is a part of the buffer, valid until the next call
   * or receipt.
   * @throws BadFrame
   */
  next(opener: Opener): { header: FrameHeader; payload: Buffer } | null {
    if (this.length < HEADER_BYTES) return null;
    const header = opener.peek(this.#buffer.subarray(this.#start, this.#start + HEADER_BYTES));
    const total = HEADER_BYTES + header.length + TAG_BYTES;
    if (this.length < total) {
      // Room for the whole of it, once, and never more than the protocol's bound.
      if (this.#buffer.length < total) this.#compact(total + (1 << 16));
      return null;
    }
    const payload = opener.open(header, this.#buffer.subarray(this.#start, this.#start + total));
    this.#start += total;
    return { header, payload };
  }
}
