import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BlockSet } from '../../agent/mirror/undo/blockSet.ts';
import { RecordFile } from '../../agent/mirror/undo/recordFile.ts';

let folder = '';
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'us-undo-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

test('blocks are new once, and neighbours come as one range', () => {
  const blocks = new BlockSet();
  expect(blocks.add(5000, 5001)).toEqual([{ start: 4096, end: 8192 }]);
  expect(blocks.add(0, 16384)).toEqual([
    { start: 0, end: 4096 },
    { start: 8192, end: 16384 },
  ]);
  expect(blocks.add(0, 16384)).toEqual([]);
  const far = 1024 ** 4;
  expect(blocks.add(far - 1, far + 1)).toEqual([{ start: far - 4096, end: far + 4096 }]);
});

test('a record that a crash tore ends the file, and the next one takes its place', () => {
  const file = path.join(folder, 'records');
  const read = () => [...RecordFile.read(file)].map(({ payload }) => payload.toString());
  const records = RecordFile.create(file);
  for (const each of ['one', 'two', 'three']) records.append(Buffer.from(each));
  records.sync();
  records.close();
  fs.truncateSync(file, fs.statSync(file).size - 1);
  expect(read()).toEqual(['one', 'two']);
  const found: string[] = [];
  const again = RecordFile.reopen(file, (payload) => found.push(payload.toString()));
  expect(found).toEqual(['one', 'two']);
  again.append(Buffer.from('four'));
  again.sync();
  again.close();
  expect(read()).toEqual(['one', 'two', 'four']);
});

test('a record whose bytes were not all written is not taken for whole', () => {
  const file = path.join(folder, 'records');
  const records = RecordFile.create(file);
  records.append(Buffer.from('one'));
  records.append(Buffer.alloc(5000, 7));
  records.sync();
  records.close();
  const fd = fs.openSync(file, 'r+');
  fs.writeSync(fd, Buffer.alloc(100), 0, 100, 1000);
  fs.closeSync(fd);
  expect([...RecordFile.read(file)].map(({ payload }) => payload.length)).toEqual([3]);
});
