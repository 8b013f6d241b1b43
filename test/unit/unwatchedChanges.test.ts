import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { momentOfFiles, UnwatchedChanges } from '../../agent/mirror/replica/unwatchedChanges.ts';
import { AT_FDCWD, statat } from '../../agent/platform/libc.ts';

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'us-unwatched-'));
  fs.writeFileSync(at('file'), 'content');
});
afterEach(() => {
  vi.useRealTimers();
  fs.rmSync(directory, { recursive: true });
});

const at = (name: string) => path.join(directory, name);
const look = (changes: UnwatchedChanges | null, onFound?: () => void) =>
  changes?.look(statat(AT_FDCWD, at('file')), onFound);
const inode = () => fs.statSync(at('file')).ino;

/** Waits until the kernel gives another time to files that change. */
function nextMoment(): bigint {
  const before = momentOfFiles(directory);
  for (;;) {
    const now = momentOfFiles(directory);
    if (now > before) return now;
  }
}

function end(served = false) {
  const stopped = { at: String(nextMoment()), served };
  nextMoment();
  return stopped;
}

const changeAndKeepTime = () => {
  const { atime, mtime } = fs.statSync(at('file'));
  fs.writeFileSync(at('file'), 'CONTENT');
  fs.utimesSync(at('file'), atime, mtime);
};

test('a file that was changed after the end is found whatever its own time says, and others are not', () => {
  const stopped = end();
  expect(look(UnwatchedChanges.since(stopped, []))).toBe(false);
  changeAndKeepTime();
  expect(look(UnwatchedChanges.since(stopped, []))).toBe(true);
  expect(look(UnwatchedChanges.since(end(), []))).toBe(false);
});

test('what was looked at once stays as it was found', () => {
  const changes = UnwatchedChanges.since(end(), []);
  expect(look(changes)).toBe(false);
  changeAndKeepTime();
  expect(look(changes)).toBe(false);
  expect(changes?.includes(inode())).toBe(false);
});

test('a file was not looked at when what it was found by could not be noted', () => {
  const changes = UnwatchedChanges.since(end(), []);
  changeAndKeepTime();
  const fail = () => {
    throw new Error('no space');
  };
  expect(() => look(changes, fail)).toThrow('no space');
  expect(changes?.knows(inode())).toBe(false);
  expect(look(changes)).toBe(true);
});

test('of a file that is marked nobody can tell once the mirror has been served again', () => {
  const served = end(true);
  const ended = end();
  changeAndKeepTime();
  expect(look(UnwatchedChanges.since(served, [inode()]))).toBe(false);
  expect(look(UnwatchedChanges.since(served, []))).toBe(true);
  expect(look(UnwatchedChanges.since(ended, [inode()]))).toBe(true);
});

test('without an end, or with a clock that was set back behind it, nobody can tell', () => {
  expect(UnwatchedChanges.since(null, [])).toBeNull();
  const stopped = end();
  vi.useFakeTimers({ now: Number(BigInt(stopped.at) / 1_000_000n) - 1 });
  expect(UnwatchedChanges.since(stopped, [])).toBeNull();
});
