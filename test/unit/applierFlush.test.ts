import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Applier } from '../../agent/mirror/replica/applier.ts';
import { ReplicaTree } from '../../agent/mirror/replica/tree.ts';

const file = { ino: 7, path: 'file' };

let directory: string;
let rootFd: number;
let applier: Applier;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'us-flush-'));
  rootFd = fs.openSync(directory, 'r');
  applier = new Applier(new ReplicaTree(rootFd), () => false);
});
afterEach(() => {
  applier.forgetAll();
  fs.closeSync(rootFd);
  fs.rmSync(directory, { recursive: true });
});

/** What a guest's fdatasync is on the secondary, and what ends it. */
function fdatasync(): { isWhole: boolean; end: () => void } {
  let asked = { isWhole: false, end: () => {} };
  applier.flush(file, true, (_fd, datasync, noteDurable) => {
    asked = { isWhole: !datasync, end: noteDurable };
    return true;
  });
  return asked;
}

test('a new file is flushed whole until its owner and mode are durable, and again when they have changed', () => {
  applier.apply({ kind: 'create', path: 'file', ino: 7, mode: 0o640, uid: 0, gid: 0 });
  const first = fdatasync();
  expect(first.isWhole).toBe(true);
  // The first one is still under way.
  expect(fdatasync().isWhole).toBe(true);
  first.end();
  expect(fdatasync().isWhole).toBe(false);
  applier.apply({ kind: 'chmod', file, mode: 0o600 });
  expect(fdatasync().isWhole).toBe(true);
});

test('what changes while a flush is under way is not taken for durable when that ends', () => {
  applier.apply({ kind: 'create', path: 'file', ino: 7, mode: 0o640, uid: 0, gid: 0 });
  const first = fdatasync();
  applier.apply({ kind: 'chmod', file, mode: 0o600 });
  first.end();
  expect(fdatasync().isWhole).toBe(true);
});

test('of a file that was there nobody knows whether they are durable', () => {
  fs.writeFileSync(path.join(directory, 'file'), '');
  expect(fdatasync().isWhole).toBe(true);
});
