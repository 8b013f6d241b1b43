import { addressOf } from '../../platform/libc.ts';
import { pageAligned } from './channel.ts';
import { OUT_HEADER_SIZE } from './protocol.ts';

/** Where the content starts: on a page, which direct I/O asks for, with the reply's header before it. */
const CONTENT = 4096;

/** A reply with content, which the disk writes to its place. */
export class ReplyBuffer {
  readonly #bytes: Buffer;
  /** Where the content lies in memory. */
  readonly address: bigint;

  /** @param memory on a page */
  constructor(memory: ArrayBuffer, offset: number, room: number) {
    this.#bytes = Buffer.from(memory, offset, CONTENT + room);
    this.address = addressOf(this.#bytes) + BigInt(CONTENT);
  }

  content(size: number): Buffer {
    return this.#bytes.subarray(CONTENT, CONTENT + size);
  }

  /** The reply: the content that was read, or an error number. @param result what read(2) returned, or the negative error number */
  complete(result: number, uniqueLow: number, uniqueHigh: number): Buffer {
    const header = CONTENT - OUT_HEADER_SIZE;
    const length = OUT_HEADER_SIZE + Math.max(0, result);
    this.#bytes.writeUInt32LE(length, header);
    this.#bytes.writeInt32LE(Math.min(0, result), header + 4);
    this.#bytes.writeUInt32LE(uniqueLow, header + 8);
    this.#bytes.writeUInt32LE(uniqueHigh, header + 12);
    return this.#bytes.subarray(header, header + length);
  }
}

/** A few of them. Memory that was never used costs nothing. */
export class ReplyBuffers {
  readonly room: number;
  readonly #free: ReplyBuffer[] = [];

  /** @param room bytes of content in each, whole pages */
  constructor(count: number, room: number) {
    this.room = room;
    const memory = pageAligned(count * (CONTENT + room));
    // The one that was given back last is used first: the others may never have been touched.
    for (let at = count - 1; at >= 0; at--) this.#free.push(new ReplyBuffer(memory, at * (CONTENT + room), room));
  }

  take(): ReplyBuffer | null {
    return this.#free.pop() ?? null;
  }

  giveBack(buffer: ReplyBuffer): void {
    this.#free.push(buffer);
  }
}
