import {
  close,
  errnos,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  fallocate,
  ErrnoError,
  fstat,
  ftruncate,
  preadFully,
  pwriteFully,
  SEEK_DATA,
  SEEK_HOLE,
  tryLseek,
} from '../../platform/libc.ts';
import { sha256, SHA256_BYTES } from '../../platform/sha256.ts';
import { HASH_BYTES } from '../link/resyncMessages.ts';
import type { ByteRange } from '../replica/zoneSet.ts';

const digest = Buffer.alloc(SHA256_BYTES);

/** Writes the hash by which two pieces of content are compared, SHA-256, cut to 16 bytes, to `out`. */
export function putHash(bytes: Uint8Array, out: Buffer, at: number): void {
  sha256(bytes, digest);
  digest.copy(out, at, 0, HASH_BYTES);
}

/** Whether a piece of content has the hash that stands at `at`. */
export function hasHash(bytes: Uint8Array, hashes: Buffer, at: number): boolean {
  sha256(bytes, digest);
  return digest.compare(hashes, at, at + HASH_BYTES, 0, HASH_BYTES) === 0;
}

const zeros = Buffer.alloc(64 * 1024);

export function isZero(bytes: Buffer): boolean {
  // Nearly always told by the first byte, without a call.
  if (bytes.length > 0 && bytes[0] !== 0) return false;
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const part = bytes.subarray(at, at + zeros.length);
    if (part.compare(zeros, 0, part.length) !== 0) return false;
  }
  return true;
}

/** Reads a piece of a file; shorter at its end. */
export function readPiece(fd: number, offset: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  return buffer.subarray(0, preadFully(fd, buffer, offset));
}

/**
 * Where a file has data and where holes. What was asked is remembered: a file of many small pieces is looked at in time that grows with their
 * number, though the system below walks to the end of the data at each question. Only while nothing changes the file.
 */
export class DataRuns {
  readonly #fd: number;
  #run: ByteRange & { readonly isData: boolean } = { start: 0, end: 0, isData: false };

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The run of data or hole at an offset. A file system that does not know holes has data everywhere. */
  #at(offset: number): ByteRange & { readonly isData: boolean } {
    const known = this.#run;
    if (offset >= known.start && offset < known.end) return known;
    const data = tryLseek(this.#fd, offset, SEEK_DATA);
    if (data === -errnos.ENXIO) this.#run = { start: offset, end: Infinity, isData: false };
    else if (data > offset) this.#run = { start: offset, end: data, isData: false };
    else {
      const hole = data < 0 ? -1 : tryLseek(this.#fd, offset, SEEK_HOLE);
      this.#run = { start: offset, end: hole < 0 ? Infinity : hole, isData: true };
    }
    return this.#run;
  }

  /** Where the first data of a range start: its end when there are none. */
  nextData(range: ByteRange): number {
    const run = this.#at(range.start);
    return run.isData ? range.start : Math.min(run.end, range.end);
  }

  /** Splits a range into parts with data and parts without. */
  split(range: ByteRange): { data: ByteRange[]; holes: ByteRange[] } {
    const data: ByteRange[] = [];
    const holes: ByteRange[] = [];
    for (let at = range.start; at < range.end;) {
      const run = this.#at(at);
      const end = Math.min(run.end, range.end);
      (run.isData ? data : holes).push({ start: at, end });
      at = end;
    }
    return { data, holes };
  }
}

/** Splits one range of a file into parts with data and parts without. */
export function splitHoles(fd: number, range: ByteRange): { data: ByteRange[]; holes: ByteRange[] } {
  return new DataRuns(fd).split(range);
}

/** The part of a range that holds data which `clearRange` would take away; null when there is none. */
export function dataWithin(fd: number, start: number, end: number): ByteRange | null {
  const last = Math.min(end, fstat(fd).size);
  return last <= start || splitHoles(fd, { start, end: last }).data.length === 0 ? null : { start, end: last };
}

/** Makes a range read as zeros, within the file's size, without storing them where the file system can. */
export function clearRange(fd: number, start: number, end: number): void {
  const found = dataWithin(fd, start, end);
  if (found === null) return;
  const last = found.end;
  try {
    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, last - start);
  } catch (error) {
    if (!(error instanceof ErrnoError) || error.errno !== errnos.EOPNOTSUPP) throw error;
    for (let at = start; at < last; at += zeros.length) {
      pwriteFully(fd, zeros.subarray(0, Math.min(zeros.length, last - at)), at);
    }
  }
}

/** Runs `action` with an open file and closes it. */
export function withFile<T>(fd: number, action: (fd: number) => T): T {
  try {
    return action(fd);
  } finally {
    close(fd);
  }
}

const COPIED_BYTES = 1024 * 1024;

/** Copies the content of a file into an empty one, holes as holes. `onPiece` is told the bytes of each piece that was written. */
export function copyContent(from: number, to: number, onPiece: (bytes: number) => void = () => {}): void {
  const { size } = fstat(from);
  ftruncate(to, size);
  for (const { start, end } of splitHoles(from, { start: 0, end: size }).data) {
    for (let at = start; at < end; at += COPIED_BYTES) {
      const piece = readPiece(from, at, Math.min(COPIED_BYTES, end - at));
      pwriteFully(to, piece, at);
      onPiece(piece.length);
    }
  }
}
