import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as libc from '../../agent/platform/libc.ts';
import { differences, Pair, type TestHost } from './pairHarness.ts';

let pair: Pair;
beforeEach(async () => {
  pair = await new Pair().open();
});
afterEach(() => pair.remove());

const MEBIBYTE = 1024 * 1024;
const file = ({ directory }: TestHost) => path.join(directory, 'file');

async function secondaryLeaves(): Promise<void> {
  const { alpha, beta } = pair;
  const from = alpha.seen.length;
  await beta.mirror.release();
  await alpha.event('peerLost', from);
  await pair.goAlone(alpha);
}

test('a sparse file that took the place of another one before a crash is copied with its holes', async () => {
  const { alpha, beta } = pair;
  await pair.serve(alpha);
  fs.writeFileSync(file(alpha), Buffer.alloc(3 * MEBIBYTE, 'older'));
  await pair.join(alpha, beta);
  await secondaryLeaves();
  fs.rmSync(file(alpha));
  fs.closeSync(fs.openSync(file(alpha), 'w'));
  await alpha.crash();
  await alpha.open();
  await pair.serve(alpha);
  const fd = fs.openSync(file(alpha), 'r+');
  fs.writeSync(fd, Buffer.alloc(4096, 'new '), 0, 4096, 3 * MEBIBYTE - 4096);
  fs.closeSync(fd);
  const { progress } = await pair.join(alpha, beta);
  expect(progress.kind).toBe('delta');
  await alpha.mirror.release();
  expect(differences(alpha.directory, beta.directory)).toEqual([]);
});

test("a file keeps the time of the primary's where only a hole of it has to be made on the secondary", async () => {
  const { alpha, beta } = pair;
  await pair.serve(alpha);
  fs.writeFileSync(file(alpha), 'content');
  fs.truncateSync(file(alpha), 3 * MEBIBYTE);
  await pair.join(alpha, beta);
  await secondaryLeaves();
  const { mtimeNs } = fs.statSync(file(alpha), { bigint: true });
  // As after a loss of power of both: one has a block of a write that was not flushed, the other one has not, and both the time before it.
  const changeAndKeepTime = (host: TestHost, change: (fd: number) => void) => {
    const fd = fs.openSync(file(host), 'r+');
    change(fd);
    libc.futimens(fd, null, mtimeNs);
    fs.closeSync(fd);
  };
  changeAndKeepTime(beta, (fd) => fs.writeSync(fd, Buffer.alloc(4096, 'lost '), 0, 4096, MEBIBYTE));
  const punch = libc.FALLOC_FL_PUNCH_HOLE | libc.FALLOC_FL_KEEP_SIZE;
  changeAndKeepTime(alpha, (fd) => libc.fallocate(fd, punch, MEBIBYTE, 4096));
  const { progress } = await pair.join(alpha, beta);
  expect(progress.kind).toBe('delta');
  await alpha.mirror.release();
  expect(differences(alpha.directory, beta.directory)).toEqual([]);
});

test('scattered blocks that the guest writes again while they are brought over are the last ones on both replicas', async () => {
  const { alpha, beta } = pair;
  await pair.serve(alpha);
  const blocks = 4 * 1024;
  fs.writeFileSync(file(alpha), randomBytes(blocks * 4096));
  await pair.join(alpha, beta);
  await secondaryLeaves();
  const fd = fs.openSync(file(alpha), 'r+');
  const write = (block: number, bytes = 4096) => fs.writeSync(fd, randomBytes(bytes), 0, bytes, block * 4096);
  for (let block = 0; block < blocks; block += 2) write(block);
  const from = await pair.attach(alpha, beta);
  let inStep = false;
  const whole = alpha.event('inStep', from, 30_000).then(() => (inStep = true));
  for (let count = 0; !inStep; count++) {
    write((count * 26) % blocks, 1 + ((count * 997) % 8192));
    if (count % 50 === 0) fs.fsyncSync(fd);
    // What has come from the mirror is taken note of.
    if (count % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await whole;
  fs.closeSync(fd);
  await alpha.mirror.release();
  expect(differences(alpha.directory, beta.directory)).toEqual([]);
});

describe('a file that has its name again after a loss of power', () => {
  const named = ({ directory }: TestHost, name: string) => path.join(directory, name);

  async function replacedAndLost(replace: () => void): Promise<void> {
    const { alpha, beta } = pair;
    const kept = path.join(alpha.base, 'kept');
    fs.writeFileSync(named(alpha, 'y'), Buffer.alloc(100_000, 'old '));
    fs.linkSync(named(alpha, 'y'), kept);
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    replace();
    await alpha.crash();
    // What the file system had not made durable of names is undone.
    fs.rmSync(named(alpha, 'tmp'), { force: true });
    fs.renameSync(kept, named(alpha, 'y'));
    await pair.serve(beta);
    const fd = fs.openSync(named(beta, 'y'), 'r+');
    fs.writeSync(fd, Buffer.alloc(4096, 'last'), 0, 4096, 40_960);
    fs.closeSync(fd);
    await alpha.open();
    const { progress } = await pair.join(beta, alpha);
    expect(progress.kind).toBe('delta');
    await beta.mirror.release();
    expect(differences(beta.directory, alpha.directory)).toEqual([]);
  }

  test('is compared as a whole where another one was moved into its place', async () => {
    const { alpha } = pair;
    await replacedAndLost(() => {
      fs.writeFileSync(named(alpha, 'tmp'), Buffer.alloc(100_000, 'new '));
      fs.renameSync(named(alpha, 'tmp'), named(alpha, 'y'));
    });
  });

  test('is compared as a whole where it was removed and another one made', async () => {
    const { alpha } = pair;
    await replacedAndLost(() => {
      fs.rmSync(named(alpha, 'y'));
      fs.writeFileSync(named(alpha, 'y'), Buffer.alloc(100_000, 'new '));
    });
  });
});

