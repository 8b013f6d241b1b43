import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DataPiece, DirectStore } from '../../agent/mirror/resync/directStore.ts';

const BLOCK = 4096;
let folder = '';
let store = new DirectStore();
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'us-direct-'));
  store = new DirectStore();
});
afterEach(() => {
  store.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** A file in memory as well as on the disk, and what is to be stored in it. */
function scattered(count: number, blocks = 512, where = folder): { file: string; wanted: Buffer; pieces: DataPiece[] } {
  const file = path.join(where, 'file');
  const wanted = randomBytes(blocks * BLOCK + 77);
  fs.writeFileSync(file, wanted);
  fs.readFileSync(file);
  const pieces = Array.from({ length: count }, (_, index) => {
    const data = randomBytes(BLOCK);
    const offset = index * 2 * BLOCK;
    data.copy(wanted, offset);
    return { offset, data };
  });
  return { file, wanted, pieces };
}

test('scattered blocks are in the file once they are settled, whatever memory held of it, and the file may be closed meanwhile', () => {
  const { file, wanted, pieces } = scattered(256);
  const fd = fs.openSync(file, 'r+');
  expect(store.begin(fd, pieces)).toBe(true);
  fs.closeSync(fd);
  store.settle();
  expect(fs.readFileSync(file).equals(wanted)).toBe(true);
});

test('what is being stored is there when it is read, and nothing is waited for to read elsewhere', () => {
  const { file, wanted, pieces } = scattered(64);
  const fd = fs.openSync(file, 'r+');
  for (const piece of pieces) {
    store.begin(fd, pieces);
    store.settleFor(fd, [400 * BLOCK], BLOCK);
    store.settleFor(fd, [piece.offset], BLOCK);
    const found = Buffer.alloc(BLOCK);
    fs.readSync(fd, found, 0, BLOCK, piece.offset);
    expect(found.equals(piece.data)).toBe(true);
  }
  fs.closeSync(fd);
  expect(fs.readFileSync(file).equals(wanted)).toBe(true);
});

test('a few pieces, large ones, an odd end, and what makes the file longer are left to the caller', () => {
  const { file, pieces } = scattered(32);
  const before = fs.readFileSync(file);
  const fd = fs.openSync(file, 'r+');
  expect(store.begin(fd, pieces.slice(0, 3))).toBe(false);
  expect(store.begin(fd, [...pieces, { offset: 512 * BLOCK, data: Buffer.alloc(77) }])).toBe(false);
  expect(store.begin(fd, [...pieces, { offset: 512 * BLOCK, data: Buffer.alloc(BLOCK) }])).toBe(false);
  const zones = Array.from({ length: 16 }, (_, index) => ({
    offset: index * 16 * BLOCK,
    data: Buffer.alloc(16 * BLOCK),
  }));
  expect(store.begin(fd, zones)).toBe(false);
  fs.closeSync(fd);
  expect(fs.readFileSync(file).equals(before)).toBe(true);
});

test('a file system in memory gets them all the same', () => {
  const where = fs.mkdtempSync('/dev/shm/us-direct-');
  try {
    const { file, wanted, pieces } = scattered(64, 512, where);
    const fd = fs.openSync(file, 'r+');
    if (store.begin(fd, pieces)) store.settle();
    else for (const { offset, data } of pieces) fs.writeSync(fd, data, 0, data.length, offset);
    fs.closeSync(fd);
    expect(fs.readFileSync(file).equals(wanted)).toBe(true);
  } finally {
    fs.rmSync(where, { recursive: true });
  }
});
