const NS_PER_SECOND = 1_000_000_000n;

/** Writes a message field by field into a buffer that grows. Numbers are little-endian; strings are byte strings (latin1). */
export class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(capacity = 256) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#length;
  }

  #room(bytes: number): number {
    const at = this.#length;
    if (at + bytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, at + bytes));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    this.#length = at + bytes;
    return at;
  }

  reset(): this {
    this.#length = 0;
    return this;
  }

  u8(value: number): this {
    const at = this.#room(1);
    this.#buffer[at] = value;
    return this;
  }

  u32(value: number): this {
    const at = this.#room(4);
    this.#buffer.writeUInt32LE(value >>> 0, at);
    return this;
  }

  /** A non-negative safe integer in 8 bytes. */
  size(value: number): this {
    const at = this.#room(8);
    this.#buffer.writeUInt32LE((value % 0x1_0000_0000) >>> 0, at);
    this.#buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
    return this;
  }

  /** Nanoseconds since the epoch, as seconds and the rest: 64 bits of nanoseconds end in 2262, file systems later. */
  time(value: bigint): this {
    const rest = ((value % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
    const at = this.#room(12);
    this.#buffer.writeBigInt64LE((value - rest) / NS_PER_SECOND, at);
    this.#buffer.writeUInt32LE(Number(rest), at + 8);
    return this;
  }

  /** A byte string with its length in front. */
  text(value: string): this {
    this.u32(value.length);
    const at = this.#room(value.length);
    this.#buffer.write(value, at, value.length, 'latin1');
    return this;
  }

  bytes(value: Uint8Array): this {
    this.u32(value.length);
    return this.raw(value);
  }

  raw(value: Uint8Array): this {
    const at = this.#room(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  part(value: Buffer, from: number, bytes: number): this {
    const at = this.#room(bytes);
    value.copy(this.#buffer, at, from, from + bytes);
    return this;
  }

  /** What was written. Valid until the next write or reset. */
  done(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

/** A message that is shorter than its fields say, or holds a value that no version of it may hold. */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
}

/** Reads what ByteWriter wrote. Every read is bounded by the message; a short one throws MalformedMessage. */
export class ByteReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get left(): number {
    return this.#buffer.length - this.#at;
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (bytes > this.#buffer.length - at) throw new MalformedMessage('a message is shorter than its fields say');
    this.#at = at + bytes;
    return at;
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#take(1));
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.#take(4));
  }

  size(): number {
    const at = this.#take(8);
    const value = this.#buffer.readUInt32LE(at) + this.#buffer.readUInt32LE(at + 4) * 0x1_0000_0000;
    if (!Number.isSafeInteger(value)) throw new MalformedMessage('a number in a message is too large');
    return value;
  }

  time(): bigint {
    const at = this.#take(12);
    return this.#buffer.readBigInt64LE(at) * NS_PER_SECOND + BigInt(this.#buffer.readUInt32LE(at + 8));
  }

  text(): string {
    const length = this.u32();
    const at = this.#take(length);
    return this.#buffer.toString('latin1', at, at + length);
  }

  /** A view into the message, not a copy. */
  bytes(): Buffer {
    return this.raw(this.u32());
  }

  raw(length: number): Buffer {
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  /** Copies bytes of the message. */
  copy(out: Buffer, to: number, bytes: number): void {
    const at = this.#take(bytes);
    this.#buffer.copy(out, to, at, at + bytes);
  }
}
