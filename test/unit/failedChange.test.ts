import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { MountContext } from '../../agent/mirror/mount/context.ts';
import { fallocate } from '../../agent/mirror/mount/requests/attributes.ts';
import { write } from '../../agent/mirror/mount/requests/io.ts';
import type { Mutation, MutationSink } from '../../agent/mirror/mutation.ts';
import * as libc from '../../agent/platform/libc.ts';
import { mountContext } from '../support/mountContext.ts';

/** How far a disk comes before it fails; null: it does not. */
const disk = vi.hoisted(() => ({ upTo: null as number | null, errno: 0 }));
vi.mock(import('../../agent/platform/libc.ts'), async (original) => {
  const real = await original();
  return {
    ...real,
    fallocate: (fd: number, mode: number, offset: number, length: number) => {
      if (disk.upTo === null) return real.fallocate(fd, mode, offset, length);
      if (disk.upTo > 0) real.fallocate(fd, real.FALLOC_FL_PUNCH_HOLE | real.FALLOC_FL_KEEP_SIZE, offset, disk.upTo);
      throw new real.ErrnoError(disk.errno, 'fallocate');
    },
    tryPwrite: (fd: number, data: Uint8Array, offset: number) => {
      if (disk.upTo === null) return real.tryPwrite(fd, data, offset);
      real.pwriteFully(fd, data.subarray(0, disk.upTo), offset);
      return -disk.errno;
    },
  };
});

const SIZE = 256 * 1024;
const ZERO = libc.FALLOC_FL_ZERO_RANGE | libc.FALLOC_FL_KEEP_SIZE;
let directory: string;
let backingFd: number;
let fd: number;
let told: (Mutation | 'unknown')[];
let context: MountContext;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'us-failed-'));
  fs.writeFileSync(path.join(directory, 'file'), Buffer.alloc(SIZE, 'old '));
  backingFd = libc.openat(-100, directory, libc.O_PATH | libc.O_DIRECTORY);
  fd = libc.openat(backingFd, 'file', libc.O_RDWR);
  told = [];
  const sink: MutationSink = {
    prepare: () => undefined,
    commit: (mutations) => told.push(...mutations) >= 0,
    begin: () => 0,
    beginFlush: () => 0,
    finish: () => undefined,
    unknown: () => told.push('unknown'),
    gather: () => undefined,
    settle: () => undefined,
    released: () => undefined,
  };
  context = mountContext(backingFd, sink, null);
});
afterEach(() => {
  disk.upTo = null;
  libc.close(fd);
  libc.close(backingFd);
  fs.rmSync(directory, { recursive: true });
});

/** A request of an open file with these numbers in its body. */
function request(direct: boolean, body: { u32?: Record<number, number>; u64?: Record<number, number> }): void {
  const { nodes, handles, channel } = context;
  const node = nodes.lookup(nodes.root, 'file', libc.statat(backingFd, 'file'));
  const handle = handles.add({ fd, node, writable: true, keepsDirect: direct, direct, entries: null });
  vi.spyOn(channel, 'u32').mockImplementation((index) => body.u32?.[index] ?? 0);
  vi.spyOn(channel, 'u64').mockImplementation((index) => (index === 0 ? handle : (body.u64?.[index] ?? 0)));
}

/** What a replica that was equal before holds when it has made the changes that it was told of. */
function replica(): Buffer {
  const bytes = Buffer.alloc(SIZE, 'old ');
  for (const each of told) if (each !== 'unknown' && each.kind === 'write') bytes.set(each.data, each.offset);
  return bytes;
}

const present = () => fs.readFileSync(path.join(directory, 'file'));

test('what a range holds that was cleared in part before the disk was full is told to the other replica', () => {
  request(false, { u64: { 2: 4096, 4: 65_536 }, u32: { 6: ZERO } });
  Object.assign(disk, { upTo: 8192, errno: libc.errnos.ENOSPC });
  expect(() => fallocate(context)).toThrow('ENOSPC');
  context.fail(libc.errnos.ENOSPC);
  expect(present()[4096]).toBe(0);
  expect(replica().equals(present())).toBe(true);
});

test('the other replica is given up where the range is long, and not where nothing was changed', () => {
  const long = { u64: { 2: 0, 4: 4 * 1024 * 1024 }, u32: { 6: ZERO } };
  fs.truncateSync(path.join(directory, 'file'), 8 * 1024 * 1024);
  request(false, long);
  Object.assign(disk, { upTo: 0, errno: libc.errnos.EOPNOTSUPP });
  expect(() => fallocate(context)).toThrow('EOPNOTSUPP');
  expect(told).toEqual([]);
  Object.assign(disk, { upTo: 8192, errno: libc.errnos.ENOSPC });
  expect(() => fallocate(context)).toThrow('ENOSPC');
  expect(told).toEqual(['unknown']);
});

test('what a direct write has left that failed after a part is told to the other replica', () => {
  request(true, { u64: { 2: 4096 }, u32: { 4: 8192, 8: libc.O_DIRECT } });
  vi.spyOn(context.channel, 'data').mockReturnValue(Buffer.alloc(8192, 'new '));
  Object.assign(disk, { upTo: 4096, errno: libc.errnos.EIO });
  write(context);
  expect(present().toString('latin1', 4096, 4100)).toBe('new ');
  expect(replica().equals(present())).toBe(true);
});
