import { crc32, inflateRawSync } from 'node:zlib';
import { ImportError } from '../importError.ts';
import { limits } from '../limits.ts';
import { printable } from '../printable.ts';
import type { ModuleFile } from './moduleFile.ts';
import { Places, safePath } from './safePath.ts';

const endSignature = 0x06054b50;
const endLength = 22;
const centralSignature = 0x02014b50;
const centralLength = 46;
const localSignature = 0x04034b50;
const localLength = 30;
const locatorSignature = 0x07064b50;
const locatorLength = 20;
/** Bit 3: sizes and checksum follow the content, and need not stand before it. */
const sizesFollow = 0x8;
/** Systems whose attributes are those of Unix: Unix and OS X. */
const unixSystems: readonly number[] = [3, 19];
const stored = 0;
const deflated = 8;

/** What the archive's directory says of a file. */
interface Entry {
  readonly path: string;
  readonly name: Uint8Array;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  /** Where the file's own header begins. */
  readonly offset: number;
}

/** Whether it begins as a zip does. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && (bytes[2] === 3 || bytes[2] === 5 || bytes[2] === 7);
}

/**
 * Reads a zip in memory: plain and deflated files. Strict, since one that is read in two ways may be looked at in one and unpacked in the other:
 * there has to be one directory, it has to say the same as the files' own headers, and files must not overlap.
 * @throws ImportError
 */
export function readZip(bytes: Uint8Array): readonly ModuleFile[] {
  if (bytes.length > limits.archive) throw tooLarge(`The file is larger than ${mib(limits.archive)}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEnd(view);
  const { entries, begin } = readDirectory(view, bytes, end);
  const places = new Places();
  for (const { path } of entries) places.take(path);
  refuseOverlaps(view, entries, begin);
  return entries.map((entry) => ({ path: entry.path, bytes: unpack(view, bytes, entry) }));
}

/** Offset of the record that ends every zip: behind it there is only its comment, in which no other one may be hidden. */
function findEnd(view: DataView): number {
  const first = Math.max(0, view.byteLength - endLength - 0xffff);
  let found: number | null = null;
  for (let offset = view.byteLength - endLength; offset >= first; offset -= 1) {
    if (view.getUint32(offset, true) !== endSignature) continue;
    if (offset + endLength + view.getUint16(offset + 20, true) !== view.byteLength) continue;
    if (found !== null) throw damaged('it has two end records, and which one counts cannot be known');
    found = offset;
  }
  if (found === null) throw damaged('it has no end record: it is cut off, or something was added to it');
  const locator = found - locatorLength;
  // Some programs go by it whatever the end record says.
  if (locator >= 0 && view.getUint32(locator, true) === locatorSignature) throw zip64();
  return found;
}

function readDirectory(view: DataView, bytes: Uint8Array, end: number): { entries: readonly Entry[]; begin: number } {
  const count = view.getUint16(end + 10, true);
  const size = view.getUint32(end + 12, true);
  const begin = view.getUint32(end + 16, true);
  if (count === 0xffff || size === 0xffffffff || begin === 0xffffffff) throw zip64();
  if (
    view.getUint16(end + 4, true) !== 0 ||
    view.getUint16(end + 6, true) !== 0 ||
    view.getUint16(end + 8, true) !== count
  ) {
    throw unsupported('it is split over several files');
  }
  if (begin + size !== end) throw damaged('its directory is not where its end record says');
  if (count > limits.files) throw tooLarge(`It has ${String(count)} files, more than ${String(limits.files)}`);
  const entries: Entry[] = [];
  let total = 0;
  let offset = begin;
  for (let number = 0; number < count; number += 1) {
    if (offset + centralLength > end || view.getUint32(offset, true) !== centralSignature) {
      throw damaged('its directory has fewer files than its end record says');
    }
    const nameLength = view.getUint16(offset + 28, true);
    const next =
      offset + centralLength + nameLength + view.getUint16(offset + 30, true) + view.getUint16(offset + 32, true);
    if (next > end) throw damaged('its directory is cut off');
    const entry = readEntry(view, bytes.subarray(offset + centralLength, offset + centralLength + nameLength), offset);
    if (entry !== null) {
      total += entry.size;
      if (total > limits.total) throw tooLarge(`Unpacked it would take more than ${mib(limits.total)}`);
      entries.push(entry);
    }
    offset = next;
  }
  if (offset !== end) throw damaged('its directory has more than its end record says');
  return { entries, begin };
}

/** Null: a folder, which needs no place of its own. */
function readEntry(view: DataView, name: Uint8Array, offset: number): Entry | null {
  const flags = view.getUint16(offset + 8, true);
  const text = nameOf(name, flags);
  const shown = printable(text);
  const isFolder = /[/\\]$/.test(text);
  const path = safePath(isFolder ? text.slice(0, -1) : text);
  const method = view.getUint16(offset + 10, true);
  // Bits 0, 6 and 13: encrypted, strongly encrypted, with an encrypted directory. Method 99 is AES.
  if ((flags & 0x2041) !== 0 || method === 99) throw unsupported(`the file "${shown}" in it is encrypted`);
  if (method !== stored && method !== deflated) {
    throw unsupported(`the file "${shown}" in it is packed by another method`);
  }
  const packedSize = view.getUint32(offset + 20, true);
  const size = view.getUint32(offset + 24, true);
  const local = view.getUint32(offset + 42, true);
  if (packedSize === 0xffffffff || size === 0xffffffff || local === 0xffffffff) throw zip64();
  if (view.getUint16(offset + 34, true) !== 0) throw unsupported('it is split over several files');
  refuseSpecial(view, offset, shown, isFolder);
  if (isFolder) {
    if (size !== 0) throw damaged(`the folder "${shown}" has content`);
    return null;
  }
  if (size > limits.file) throw tooLarge(`The file "${shown}" would be larger than ${mib(limits.file)}`);
  if (size > limits.ratioFrom && size > packedSize * limits.ratio) throw bomb(shown);
  return { path, name, flags, method, crc: view.getUint32(offset + 16, true), packedSize, size, offset: local };
}

/** Links, devices and the like: only files are copied. */
function refuseSpecial(view: DataView, offset: number, shown: string, isFolder: boolean): void {
  const system = view.getUint8(offset + 5);
  const attributes = view.getUint32(offset + 38, true);
  if (!unixSystems.includes(system)) return;
  const type = (attributes >>> 16) & 0o170000;
  const isPlain = type === 0 || type === (isFolder ? 0o040000 : 0o100000);
  if (isPlain) return;
  const what = type === 0o120000 ? 'a symbolic link' : 'no plain file';
  throw new ImportError('UNSAFE_NAME', `"${shown}" is ${what}. Nothing was imported.`);
}

function nameOf(name: Uint8Array, flags: number): string {
  // Without bit 11 the names are in a code page that the archive does not tell; ASCII is the same in all of them.
  if ((flags & 0x800) === 0 && name.some((byte) => byte > 0x7f)) {
    throw new ImportError('UNSAFE_NAME', 'A file name in the archive is no ASCII and no UTF-8: pack the module anew.');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(name);
  } catch {
    throw new ImportError('UNSAFE_NAME', 'A file name in the archive is no UTF-8: pack the module anew.');
  }
}

/** Where the content of a file begins. Its own header has to say the same as the directory. */
function contentOf(view: DataView, entry: Entry): number {
  const { offset } = entry;
  const shown = printable(entry.path);
  if (offset + localLength > view.byteLength || view.getUint32(offset, true) !== localSignature) {
    throw damaged(`the file "${shown}" is not where its directory says`);
  }
  const nameLength = view.getUint16(offset + 26, true);
  const begin = offset + localLength + nameLength + view.getUint16(offset + 28, true);
  if (begin > view.byteLength) throw damaged(`the file "${shown}" is cut off`);
  const name = new Uint8Array(view.buffer, view.byteOffset + offset + localLength, nameLength);
  const flags = view.getUint16(offset + 6, true);
  const hasSizes =
    view.getUint32(offset + 14, true) === entry.crc &&
    view.getUint32(offset + 18, true) === entry.packedSize &&
    view.getUint32(offset + 22, true) === entry.size;
  const isSame =
    view.getUint16(offset + 8, true) === entry.method &&
    // Whether the sizes follow the content may differ; whether it is encrypted may not.
    ((flags ^ entry.flags) & 0x2041) === 0 &&
    (hasSizes || (flags & sizesFollow) !== 0) &&
    nameLength === entry.name.length &&
    name.every((byte, index) => byte === entry.name[index]);
  if (!isSame) throw damaged(`the file "${shown}" and the directory say different things of it`);
  return begin;
}

/** Files that share bytes are how a small zip becomes an endless one. */
function refuseOverlaps(view: DataView, entries: readonly Entry[], directory: number): void {
  let last = 0;
  for (const entry of [...entries].sort((a, b) => a.offset - b.offset)) {
    if (entry.offset < last) throw damaged('files in it overlap');
    last = contentOf(view, entry) + entry.packedSize;
    if (last > directory) throw damaged(`the file "${printable(entry.path)}" is cut off`);
  }
}

function unpack(view: DataView, bytes: Uint8Array, entry: Entry): Uint8Array {
  const begin = contentOf(view, entry);
  const packed = bytes.subarray(begin, begin + entry.packedSize);
  const shown = printable(entry.path);
  const content = entry.method === stored ? packed : inflate(packed, entry.size, shown);
  if (content.length !== entry.size || crc32(content) !== entry.crc) {
    throw damaged(`the file "${shown}" is not what the directory says of it`);
  }
  return content;
}

/** Never makes more than was declared, which was found to be little enough. */
function inflate(packed: Uint8Array, size: number, shown: string): Uint8Array {
  try {
    return inflateRawSync(packed, { maxOutputLength: size + 1 });
  } catch (error) {
    if (error instanceof RangeError) throw bomb(shown);
    throw damaged(`the file "${shown}" cannot be unpacked`);
  }
}

function damaged(why: string): ImportError {
  return new ImportError('ZIP_DAMAGED', `This is no sound zip file: ${why}. Nothing was imported.`);
}

function unsupported(why: string): ImportError {
  return new ImportError('ZIP_UNSUPPORTED', `This zip file is not read: ${why}. Pack the module anew as a plain zip.`);
}

function zip64(): ImportError {
  return unsupported('it is in the format zip64');
}

function tooLarge(what: string): ImportError {
  return new ImportError('TOO_LARGE', `${what}. A module is much smaller. Nothing was imported.`);
}

function bomb(shown: string): ImportError {
  return new ImportError(
    'TOO_LARGE',
    `The file "${shown}" grows far beyond what it is packed in (a zip bomb). Nothing was imported.`,
  );
}

function mib(size: number): string {
  return `${String(size / 1024 / 1024)} MiB`;
}
