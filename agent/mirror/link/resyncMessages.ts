import type { ByteRange } from '../replica/zoneSet.ts';
import type { Entry } from '../replica/tree.ts';
import type { FileRef } from '../mutation.ts';
import { ByteReader, ByteWriter, MalformedMessage } from './bytes.ts';

/** Bytes of a hash on the wire: SHA-256, cut. */
export const HASH_BYTES = 16;

/** The directory, as the primary has it. */
export interface DirectoryMessage {
  readonly path: string;
  readonly self: Entry;
  readonly entries: readonly Entry[];
  /** All names, when they are more than one message of entries: whatever else is there goes. Null: `entries` are all or a part. */
  readonly allNames: readonly string[] | null;
  /** Whether `entries` are all there is. */
  readonly complete: boolean;
}

/** What the follower found for one entry of a directory; entries that are equal are left out. */
export interface ComparedEntry {
  readonly index: number;
  /** Was not there: made empty, its content is zeros so far. */
  readonly fresh: boolean;
  /** Size or time differed. */
  readonly differs: boolean;
  /** Zones that the follower itself has marked. */
  readonly marked: readonly ByteRange[];
}

export interface DirectoryAnswer {
  /** Number of the frame that this answers. */
  readonly number: number;
  /** The directory is not there at the follower. */
  readonly absent: boolean;
  /** Its own time has to be set at the end. */
  readonly touched: boolean;
  readonly entries: readonly ComparedEntry[];
}

/** Zones or blocks of one file, with a hash each. */
export interface HashMessage {
  readonly file: FileRef;
  /** Where each piece starts. */
  readonly offsets: readonly number[];
  /** The hash of each, one behind the other. */
  readonly hashes: Buffer;
  /** Ranges without data at the primary. */
  readonly holes: readonly ByteRange[];
}

/** Which pieces differ. `absent`: the file is not there at the follower. */
export interface HashAnswer {
  readonly number: number;
  readonly absent: boolean;
  /** One byte a piece: 1 differs. */
  readonly differing: Uint8Array;
}

export interface ContentMessage {
  readonly file: FileRef;
  readonly pieces: readonly {
    readonly offset: number;
    readonly length: number;
    /** Null: zeros. */ readonly data: Buffer | null;
  }[];
}

export interface MissedMessage {
  readonly paths: readonly string[];
  readonly reason: string;
}

export function putEntry(out: ByteWriter, entry: Entry): void {
  out.text(entry.name).size(entry.ino).u32(entry.mode).u32(entry.nlink).u32(entry.uid).u32(entry.gid);
  out.size(entry.size).size(entry.rdev).time(entry.mtime).text(entry.target).u32(entry.xattrs.length);
  for (const xattr of entry.xattrs) out.text(xattr.name).bytes(xattr.value);
}

export function getEntry(input: ByteReader): Entry {
  const [name, ino, mode, nlink, uid, gid] = [
    input.text(),
    input.size(),
    input.u32(),
    input.u32(),
    input.u32(),
    input.u32(),
  ];
  const [size, rdev, mtime, target] = [input.size(), input.size(), input.time(), input.text()];
  const xattrs = getMany(input, () => ({ name: input.text(), value: Buffer.from(input.bytes()) }));
  return { name, ino, mode, nlink, uid, gid, size, rdev, mtime, target, xattrs };
}

/** The count comes from the peer: items are read until it is reached or the message ends, nothing is allocated ahead. */
function getMany<T>(input: ByteReader, read: () => T): T[] {
  const items: T[] = [];
  for (let left = input.u32(); left > 0; left--) items.push(read());
  return items;
}

function putRanges(out: ByteWriter, ranges: readonly ByteRange[]): void {
  out.u32(ranges.length);
  for (const { start, end } of ranges) out.size(start).size(end);
}

const getRanges = (input: ByteReader): ByteRange[] =>
  getMany(input, () => ({ start: input.size(), end: input.size() }));

function putFile(out: ByteWriter, file: FileRef): void {
  out.size(file.ino).text(file.path ?? '');
}

const getFile = (input: ByteReader): FileRef => ({ ino: input.size(), path: input.text() });

export function encodeDirectory(message: DirectoryMessage): Buffer {
  const out = new ByteWriter(4096);
  out.text(message.path);
  putEntry(out, message.self);
  out.u8(message.complete ? 1 : 0).u32(message.entries.length);
  for (const entry of message.entries) putEntry(out, entry);
  out.u8(message.allNames === null ? 0 : 1);
  if (message.allNames !== null) {
    out.u32(message.allNames.length);
    for (const name of message.allNames) out.text(name);
  }
  return out.done();
}

export function decodeDirectory(payload: Buffer): DirectoryMessage {
  const input = new ByteReader(payload);
  const path = input.text();
  const self = getEntry(input);
  const complete = input.u8() === 1;
  const entries = getMany(input, () => getEntry(input));
  const allNames = input.u8() === 0 ? null : getMany(input, () => input.text());
  return { path, self, entries, allNames, complete };
}

export function encodeDirectoryAnswer(answer: DirectoryAnswer): Buffer {
  const out = new ByteWriter()
    .size(answer.number)
    .u8(answer.absent ? 1 : 0)
    .u8(answer.touched ? 1 : 0)
    .u32(answer.entries.length);
  for (const entry of answer.entries) {
    out.u32(entry.index).u8((entry.fresh ? 1 : 0) | (entry.differs ? 2 : 0));
    putRanges(out, entry.marked);
  }
  return out.done();
}

export function decodeDirectoryAnswer(payload: Buffer): DirectoryAnswer {
  const input = new ByteReader(payload);
  const [number, absent, touched] = [input.size(), input.u8() === 1, input.u8() === 1];
  const entries = getMany(input, () => {
    const index = input.u32();
    const flags = input.u8();
    return { index, fresh: (flags & 1) !== 0, differs: (flags & 2) !== 0, marked: getRanges(input) };
  });
  return { number, absent, touched, entries };
}

export function encodeHashes(message: HashMessage): Buffer {
  const { file, offsets, hashes, holes } = message;
  const out = new ByteWriter(512 + offsets.length * (8 + HASH_BYTES));
  putFile(out, file);
  out.u32(offsets.length);
  offsets.forEach((offset, index) => out.size(offset).part(hashes, index * HASH_BYTES, HASH_BYTES));
  putRanges(out, holes);
  return out.done();
}

export function decodeHashes(payload: Buffer): HashMessage {
  const input = new ByteReader(payload);
  const file = getFile(input);
  const count = input.u32();
  if (count * (8 + HASH_BYTES) > input.left) throw new MalformedMessage('a message is shorter than its fields say');
  const hashes = Buffer.allocUnsafe(count * HASH_BYTES);
  const offsets: number[] = [];
  for (let index = 0; index < count; index++) {
    offsets.push(input.size());
    input.copy(hashes, index * HASH_BYTES, HASH_BYTES);
  }
  return { file, offsets, hashes, holes: getRanges(input) };
}

export function encodeHashAnswer(answer: HashAnswer): Buffer {
  return new ByteWriter()
    .size(answer.number)
    .u8(answer.absent ? 1 : 0)
    .bytes(answer.differing)
    .done();
}

export function decodeHashAnswer(payload: Buffer): HashAnswer {
  const input = new ByteReader(payload);
  return { number: input.size(), absent: input.u8() === 1, differing: input.bytes() };
}

export function encodeContent(message: ContentMessage): Buffer {
  const out = new ByteWriter(8192);
  putFile(out, message.file);
  out.u32(message.pieces.length);
  for (const piece of message.pieces) {
    out
      .size(piece.offset)
      .u32(piece.length)
      .u8(piece.data === null ? 0 : 1);
    if (piece.data !== null) out.raw(piece.data);
  }
  return out.done();
}

export function decodeContent(payload: Buffer): ContentMessage {
  const input = new ByteReader(payload);
  const file = getFile(input);
  const pieces = getMany(input, () => {
    const offset = input.size();
    const length = input.u32();
    return { offset, length, data: input.u8() === 0 ? null : input.raw(length) };
  });
  return { file, pieces };
}

export function encodeMissed(message: MissedMessage): Buffer {
  const out = new ByteWriter().text(message.reason).u32(message.paths.length);
  for (const path of message.paths) out.text(path);
  return out.done();
}

export function decodeMissed(payload: Buffer): MissedMessage {
  const input = new ByteReader(payload);
  const reason = input.text();
  return { reason, paths: getMany(input, () => input.text()) };
}
