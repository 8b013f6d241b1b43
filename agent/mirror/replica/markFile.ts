import { closeSync, constants, openSync, readSync, fstatSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { readIfExists, writeDurably } from '../../platform/durable.ts';
import { type MarkAppender, type MarkFileContent, type MarkRecord, type MarkStore } from './markStore.ts';

/**
 * A file of zone marks, format version 1: a header (magic, version, generation, CRC-32) and records of 32 bytes, each with its CRC-32.
 * The file is filled with zeros ahead, so that an append overwrites blocks that are already there and costs one disk write. The first
 * record of zeros ends the file; a broken one at the very end was cut off by a crash before the change it announces was made.
 */
export const MARK_RECORD_BYTES = 32;
const HEADER_BYTES = 32;
const MAGIC = Buffer.from('UNDRMARK', 'latin1');
const VERSION = 1;
const PREFILLED_BYTES = 256 * 1024;
const FILES = ['marks.a.log', 'marks.b.log'] as const;

function putSize(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE((value % 0x1_0000_0000) >>> 0, at);
  buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

const getSize = (buffer: Buffer, at: number) => buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 0x1_0000_0000;

function encodeRecord(record: MarkRecord): Buffer {
  const bytes = Buffer.alloc(MARK_RECORD_BYTES);
  bytes[4] = record.kind;
  putSize(bytes, record.ino, 8);
  putSize(bytes, record.first, 16);
  putSize(bytes, record.count, 24);
  bytes.writeUInt32LE(crc32(bytes.subarray(4)), 0);
  return bytes;
}

function encodeHeader(generation: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(VERSION, 8);
  header.writeUInt32LE(generation, 12);
  header.writeUInt32LE(crc32(header.subarray(0, 28)), 28);
  return header;
}

/** Replaces the file atomically and durably by one that holds `records`. */
export function writeMarkFile(path: string, generation: number, records: readonly MarkRecord[]): void {
  const used = HEADER_BYTES + records.length * MARK_RECORD_BYTES;
  const content = Buffer.alloc(Math.ceil((used + 1) / PREFILLED_BYTES) * PREFILLED_BYTES);
  encodeHeader(generation).copy(content);
  records.forEach((record, index) => encodeRecord(record).copy(content, HEADER_BYTES + index * MARK_RECORD_BYTES));
  writeDurably(path, content);
}

/** Reads a file of marks; a text says why it cannot be trusted. */
export function readMarkFile(path: string): MarkFileContent | string {
  const content = readIfExists(path);
  if (content === null) return 'missing';
  if (content.length < HEADER_BYTES || !content.subarray(0, 8).equals(MAGIC)) return 'damaged';
  const version = content.readUInt32LE(8);
  if (version !== VERSION) return `of format version ${version}`;
  if (content.readUInt32LE(28) !== crc32(content.subarray(0, 28))) return 'damaged';
  const records: MarkRecord[] = [];
  for (let at = HEADER_BYTES; at < content.length; at += MARK_RECORD_BYTES) {
    const bytes = content.subarray(at, at + MARK_RECORD_BYTES);
    const rest = content.subarray(Math.min(content.length, at + MARK_RECORD_BYTES));
    const whole = bytes.length === MARK_RECORD_BYTES && bytes.readUInt32LE(0) === crc32(bytes.subarray(4));
    if (whole && bytes[4] !== 0) {
      records.push({
        kind: bytes.readUInt8(4),
        ino: getSize(bytes, 8),
        first: getSize(bytes, 16),
        count: getSize(bytes, 24),
      });
      continue;
    }
    // The end, or the record that a crash tore; something behind it means that the middle is damaged.
    if (!isZero(rest)) return 'damaged';
    break;
  }
  return { generation: content.readUInt32LE(12), records };
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

/** Writes through to the disk. */
class FileAppender implements MarkAppender {
  #fd: number;
  #at: number;

  /** Opens a file that `writeMarkFile` has just made with `records` records. */
  constructor(path: string, records: number) {
    this.#fd = openSync(path, constants.O_WRONLY | constants.O_DSYNC);
    this.#at = HEADER_BYTES + records * MARK_RECORD_BYTES;
  }

  append(records: readonly MarkRecord[]): void {
    // The number of a closed descriptor may long be another file's.
    if (this.#fd < 0) throw new Error('the file of zone marks is closed');
    const bytes =
      records.length === 1 && records[0] ? encodeRecord(records[0]) : Buffer.concat(records.map(encodeRecord));
    for (let done = 0; done < bytes.length;) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#at + done);
    }
    this.#at += bytes.length;
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    try {
      closeSync(fd);
    } catch {
      // The descriptor is gone either way, and every record was durable when it was appended.
    }
  }
}

/** The marks of a replica in its state directory. */
export function markFiles(stateDirectory: string): MarkStore {
  const path = (slot: 0 | 1): string => join(stateDirectory, FILES[slot]);
  return {
    read: (slot) => readMarkFile(path(slot)),
    write: (slot, generation, records) => writeMarkFile(path(slot), generation, records),
    appender: (slot, records) => new FileAppender(path(slot), records),
  };
}

/** Bytes of records in a file, for tests of damage. */
export function markFileEnd(path: string): number {
  const fd = openSync(path, 'r');
  try {
    const record = Buffer.alloc(MARK_RECORD_BYTES);
    const size = fstatSync(fd).size;
    let at = HEADER_BYTES;
    while (at < size && readSync(fd, record, 0, MARK_RECORD_BYTES, at) > 0 && record[4] !== 0) at += MARK_RECORD_BYTES;
    return at;
  } finally {
    closeSync(fd);
  }
}
