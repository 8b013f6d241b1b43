import fs from 'node:fs';
import { join } from 'node:path';
import { ByteReader, ByteWriter } from '../link/bytes.ts';
import { getEntry, putEntry } from '../link/resyncMessages.ts';
import type { Entry } from '../replica/tree.ts';
import { RecordFile } from './recordFile.ts';

/**
 * What is kept while a resync changes a replica, in `undo` in the state directory, format version 1. `tree` describes all names and
 * attributes as they were; what is kept counts only once it is there, complete. `images` holds blocks as they were before their first
 * change; `files` holds files that lost their last name, by their inode number: themselves where the file system is the same, else copies.
 */
export const UNDO_VERSION = 1;

export const undoDirectory = (stateDirectory: string): string => join(stateDirectory, 'undo');
export const treeFile = (undo: string): string => join(undo, 'tree');
export const imagesFile = (undo: string): string => join(undo, 'images');
export const filesDirectory = (undo: string): string => join(undo, 'files');

const Kind = { header: 1, entry: 2, end: 3, data: 4, hole: 5, copy: 6 } as const;

/** A file or directory as it was. */
export interface Described {
  readonly path: string;
  readonly entry: Entry;
}

export type Image =
  | { readonly kind: 'data'; readonly ino: number; readonly offset: number; readonly data: Buffer }
  | { readonly kind: 'hole'; readonly ino: number; readonly start: number; readonly end: number }
  /** The copy of the file in `files` is complete. */
  | { readonly kind: 'copy'; readonly ino: number };

export const encodeHeader = (): Buffer => new ByteWriter().u8(Kind.header).u32(UNDO_VERSION).done();
export const encodeEnd = (): Buffer => new ByteWriter().u8(Kind.end).done();

export function encodeDescribed(path: string, entry: Entry): Buffer {
  const out = new ByteWriter().u8(Kind.entry).text(path);
  putEntry(out, entry);
  return out.done();
}

/** What stands in front of the data in their record. */
export function encodeDataHeader(out: ByteWriter, ino: number, offset: number, bytes: number): Buffer {
  return out.reset().u8(Kind.data).size(ino).size(offset).u32(bytes).done();
}

export function encodeImage(image: Exclude<Image, { kind: 'data' }>): Buffer {
  const out = new ByteWriter();
  switch (image.kind) {
    case 'hole':
      return out.u8(Kind.hole).size(image.ino).size(image.start).size(image.end).done();
    case 'copy':
      return out.u8(Kind.copy).size(image.ino).done();
  }
}

export function decodeImage(payload: Buffer): Image {
  const input = new ByteReader(payload);
  const kind = input.u8();
  const ino = input.size();
  if (kind === Kind.data) return { kind: 'data', ino, offset: input.size(), data: input.bytes() };
  if (kind === Kind.hole) return { kind: 'hole', ino, start: input.size(), end: input.size() };
  return { kind: 'copy', ino };
}

/** The tree as it was, parents before what is in them; null when the description is not complete or of another version. */
export function readDescription(undo: string): Described[] | null {
  const found: Described[] = [];
  let valid = false;
  let complete = false;
  for (const { payload } of RecordFile.read(treeFile(undo))) {
    const input = new ByteReader(payload);
    const kind = input.u8();
    if (kind === Kind.header) valid = input.u32() === UNDO_VERSION;
    else if (kind === Kind.end) complete = true;
    else found.push({ path: input.text(), entry: getEntry(input) });
  }
  return valid && complete ? found : null;
}

/** Files that are kept by another name, not as a copy, which those of several directories never are: the name alone tells, since the file system makes and removes names in their order. */
export function linkedFiles(undo: string, rootFd: number): number[] {
  const { dev } = fs.fstatSync(rootFd);
  return fs
    .readdirSync(filesDirectory(undo))
    .filter((name) => {
      const stat = fs.statSync(join(filesDirectory(undo), name));
      return stat.dev === dev && stat.ino === Number(name);
    })
    .map(Number);
}
