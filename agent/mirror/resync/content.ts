import { hash } from 'node:crypto';
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
import { HASH_BYTES } from '../link/resyncMessages.ts';
import type { ByteRange } from '../replica/zoneSet.ts';

/** The hash by which two pieces of content are compared: SHA-256, cut to 16 bytes. */
export function hashOf(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer').subarray(0, HASH_BYTES);
}

const zeros = Buffer.alloc(64 * 1024);

export function isZero(bytes: Buffer): boolean {
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

/** Where the first data of a range start: its end when there are none, its start when the file system does not know holes. */
export function nextData(fd: number, range: ByteRange): number {
  const found = tryLseek(fd, range.start, SEEK_DATA);
  if (found === -errnos.ENXIO) return range.end;
  return found < 0 ? range.start : Math.min(found, range.end);
}

/** Splits a range into parts with data and parts without. A file system that does not know holes has data everywhere. */
export function splitHoles(fd: number, range: ByteRange): { data: ByteRange[]; holes: ByteRange[] } {
  const data: ByteRange[] = [];
  const holes: ByteRange[] = [];
  for (let at = range.start; at < range.end;) {
    const found = tryLseek(fd, at, SEEK_DATA);
    if (found < 0 && found !== -errnos.ENXIO) {
      data.push({ start: at, end: range.end });
      break;
    }
    const dataStart = found < 0 ? range.end : Math.min(found, range.end);
    if (dataStart > at) holes.push({ start: at, end: dataStart });
    if (dataStart >= range.end) break;
    const hole = tryLseek(fd, dataStart, SEEK_HOLE);
    const dataEnd = hole < 0 ? range.end : Math.min(hole, range.end);
    data.push({ start: dataStart, end: dataEnd });
    at = dataEnd;
  }
  return { data, holes };
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
