import { crc32 } from 'node:zlib';
import {
  AT_FDCWD,
  close,
  fdatasync,
  forgetCached,
  fstat,
  ftruncate,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  openat,
  preadFully,
  pwriteFully,
  toByteString,
} from '../../platform/libc.ts';

/** In front of each record: bytes of it, and their CRC-32. */
const HEADER_BYTES = 8;
const BUFFER_BYTES = 256 * 1024;
const LARGEST_RECORD = 16 * 1024 * 1024;

/** A file of records that only grows. A record that a crash tore ends the file. */
export class RecordFile {
  readonly #fd: number;
  #at: number;
  /** What is not in the file yet. */
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #pendingBytes = 0;

  private constructor(fd: number, at: number) {
    this.#fd = fd;
    this.#at = at;
  }

  static create(file: string): RecordFile {
    return new RecordFile(openat(AT_FDCWD, toByteString(file), O_CREAT | O_TRUNC | O_RDWR, 0o600), 0);
  }

  /** Cuts off a torn end, and goes on behind it. What was read is durable from here on. */
  static reopen(file: string, onRecord: (payload: Buffer) => void): RecordFile {
    const fd = openat(AT_FDCWD, toByteString(file), O_RDWR, 0o600);
    fdatasync(fd);
    // What the disk could not take when nobody waited for it is in memory only.
    forgetCached(fd);
    let end = 0;
    for (const record of RecordFile.read(file)) {
      onRecord(record.payload);
      end = record.end;
    }
    ftruncate(fd, end);
    fdatasync(fd);
    return new RecordFile(fd, end);
  }

  /** Every complete record in turn, and where it ends. */
  static *read(file: string): Generator<{ payload: Buffer; end: number }> {
    const fd = openat(AT_FDCWD, toByteString(file), O_RDONLY, 0);
    try {
      const { size } = fstat(fd);
      const header = Buffer.alloc(HEADER_BYTES);
      let at = 0;
      while (at + HEADER_BYTES <= size) {
        preadFully(fd, header, at);
        const length = header.readUInt32LE(0);
        if (length === 0 || length > LARGEST_RECORD || at + HEADER_BYTES + length > size) return;
        const payload = Buffer.alloc(length);
        preadFully(fd, payload, at + HEADER_BYTES);
        if (crc32(payload) !== header.readUInt32LE(4)) return;
        at += HEADER_BYTES + length;
        yield { payload, end: at };
      }
    } finally {
      close(fd);
    }
  }

  /** Bytes of all records. */
  get bytes(): number {
    return this.#at + this.#pendingBytes;
  }

  /** Adds one record, whose parts lie behind one another in the file. */
  append(...parts: readonly Uint8Array[]): void {
    let bytes = HEADER_BYTES;
    for (const part of parts) bytes += part.length;
    if (this.#pendingBytes + bytes > BUFFER_BYTES) this.#write();
    if (bytes > BUFFER_BYTES) {
      const record = Buffer.allocUnsafe(bytes);
      putRecord(record, 0, parts);
      this.#put(record);
      return;
    }
    putRecord(this.#buffer, this.#pendingBytes, parts);
    this.#pendingBytes += bytes;
  }

  #write(): void {
    if (this.#pendingBytes === 0) return;
    this.#put(this.#buffer.subarray(0, this.#pendingBytes));
    this.#pendingBytes = 0;
  }

  #put(bytes: Buffer): void {
    pwriteFully(this.#fd, bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Everything that was appended is on the disk when this returns. */
  sync(): void {
    this.#write();
    fdatasync(this.#fd);
  }

  /** Everything that was appended is in the file, not yet durable. @returns its descriptor */
  flushed(): number {
    this.#write();
    return this.#fd;
  }

  close(): void {
    close(this.#fd);
  }
}

function putRecord(out: Buffer, at: number, parts: readonly Uint8Array[]): void {
  let end = at + HEADER_BYTES;
  for (const part of parts) {
    out.set(part, end);
    end += part.length;
  }
  const payload = out.subarray(at + HEADER_BYTES, end);
  out.writeUInt32LE(payload.length, at);
  out.writeUInt32LE(crc32(payload), at + 4);
}
