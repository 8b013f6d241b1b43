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

describe('after both have stopped in order', () => {
  const LENGTH = 4 * MEBIBYTE;

  /** Of a file that is not served, so that only the file system knows of it. */
  function changeBehind(host: TestHost): void {
    const { mtime, atime } = fs.statSync(file(host));
    const fd = fs.openSync(file(host), 'r+');
    fs.writeSync(fd, Buffer.alloc(4096, 'other'), 0, 4096, 2 * MEBIBYTE);
    fs.closeSync(fd);
    fs.utimesSync(file(host), atime, mtime);
  }

  async function stopBoth(): Promise<void> {
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    fs.writeFileSync(file(alpha), Buffer.alloc(LENGTH, 'same'));
    await pair.join(alpha, beta);
    await alpha.mirror.release();
    await alpha.close();
    await beta.close();
  }

  /** The guest writes a block at once, and another one when the resync has hardly begun. */
  async function startBoth() {
    const { alpha, beta } = pair;
    await alpha.open();
    await beta.open();
    await pair.serve(alpha);
    const fd = fs.openSync(file(alpha), 'r+');
    fs.writeSync(fd, Buffer.alloc(4096, 'next'), 0, 4096, 0);
    const from = await pair.attach(alpha, beta);
    fs.writeSync(fd, Buffer.alloc(4096, 'then'), 0, 4096, 8192);
    fs.closeSync(fd);
    const { progress } = await alpha.event('inStep', from);
    await alpha.mirror.release();
    expect(progress.kind).toBe('delta');
    expect(differences(alpha.directory, beta.directory)).toEqual([]);
    return progress;
  }

  test('what was changed behind the mirror on the host that serves is found, whatever the guest writes', async () => {
    await stopBoth();
    changeBehind(pair.alpha);
    await startBoth();
  });

  test('what was changed behind the mirror on the host that follows is found, whatever the guest writes', async () => {
    await stopBoth();
    changeBehind(pair.beta);
    await startBoth();
  });

  test('nothing but what the guest writes is compared when nothing was changed', async () => {
    await stopBoth();
    const { toCheck } = await startBoth();
    expect(toCheck).toBeLessThanOrEqual(MEBIBYTE);
  });

  test('a file that is marked is compared as a whole when it was changed behind a mirror that was alone', async () => {
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    fs.writeFileSync(file(alpha), Buffer.alloc(LENGTH, 'same'));
    await pair.join(alpha, beta);
    await secondaryLeaves();
    await beta.close();
    const stop = async () => {
      const fd = fs.openSync(file(alpha), 'r+');
      fs.writeSync(fd, Buffer.alloc(4096, 'more'), 0, 4096, 4096);
      fs.closeSync(fd);
      await alpha.mirror.release();
      await alpha.close();
    };
    await stop();
    await alpha.open();
    await pair.serve(alpha);
    await stop();
    changeBehind(alpha);
    // A start that comes to nothing does not make it forgotten.
    await alpha.open();
    await pair.serve(alpha);
    await alpha.mirror.release();
    await alpha.close();
    await startBoth();
  });
});
