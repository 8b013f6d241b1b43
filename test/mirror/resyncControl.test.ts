import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe as suite, expect, test, vi } from 'vitest';
import { Pair, settle, type TestHost } from './pairHarness.ts';

const MIB = 1 << 20;

let pair: Pair;
afterEach(async () => {
  await pair.remove();
});

/** A file whose blocks all differ, the more so from that of another seed. */
function writeImage(host: TestHost, name: string, bytes: number, seed: number): void {
  const image = Buffer.alloc(bytes);
  for (let at = 0; at < image.length; at += 512) image.writeDoubleLE(at + seed, at);
  fs.writeFileSync(path.join(host.directory, name), image);
}

/** What the resync tells next. */
async function nextProgress(host: TestHost) {
  return (await host.event('resync', host.seen.length, 10_000)).progress;
}

/** Reads and writes blocks of a file, each after the answer to the one before, and says again and again how many there were. */
const restless = `
const fs = require('node:fs');
const fd = fs.openSync(process.argv[1], 'w+');
const block = Buffer.alloc(4096);
let calls = 0;
for (let told = Date.now(); ; ) {
  fs.writeSync(fd, block, 0, 4096, (calls % 64) * 4096);
  fs.fstatSync(fd);
  calls++;
  if (Date.now() - told < 20) continue;
  told = Date.now();
  console.log(calls);
}`;

suite('a resync', () => {
  test.each(['adaptive', null] as const)('ends beside a guest that never rests (%s)', async (resyncBandwidth) => {
    pair = await new Pair({ both: { resyncBandwidth } }).open();
    const { alpha, beta } = pair;
    writeImage(alpha, 'image', 96 * MIB, 0.25);
    await pair.serve(alpha);
    const guest = spawn(process.execPath, ['-e', restless, path.join(alpha.directory, 'restless')]);
    let calls = 0;
    guest.stdout.on('data', (text: Buffer) => (calls = Number(text.toString().trim().split('\n').at(-1))));
    try {
      await vi.waitUntil(() => calls > 0, 10_000);
      const before = calls;
      const from = await pair.attach(alpha, beta);
      await alpha.event('inStep', from, 60_000);
      // Neither did it stand still meanwhile.
      expect(calls).toBeGreaterThan(before);
    } finally {
      guest.kill('SIGKILL');
    }
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test('that is paused compares and sends nothing, takes what the guest writes, and goes on when it may', async () => {
    pair = await new Pair({ both: { resyncBandwidth: 8 * MIB } }).open();
    const { alpha, beta } = pair;
    writeImage(alpha, 'image', 24 * MIB, 0.25);
    await pair.serve(alpha);
    const from = await pair.attach(alpha, beta);
    await alpha.event('resync', from, 10_000, ({ progress }) => progress.content > MIB);
    await alpha.mirror.paceResync({ paused: true, bandwidth: null });
    // What was on its way is there when two reports in a row tell the same.
    let before = await nextProgress(alpha);
    for (let last = -1; last !== before.content; before = await nextProgress(alpha)) last = before.content;
    const fd = fs.openSync(path.join(alpha.directory, 'image'), 'r+');
    for (let at = 0; at < 16; at++) fs.writeSync(fd, Buffer.alloc(4096, at), 0, 4096, at * MIB);
    fs.fsyncSync(fd);
    fs.closeSync(fd);
    fs.writeFileSync(path.join(alpha.directory, 'new'), 'made during the pause');
    await nextProgress(alpha);
    const after = await nextProgress(alpha);
    expect(after.content).toBe(before.content);
    expect(after.checked).toBeLessThan(24 * MIB);
    expect(alpha.seen.slice(from).some(({ type }) => type === 'inStep' || type === 'peerLost')).toBe(false);
    await alpha.mirror.paceResync({ paused: false, bandwidth: null });
    await alpha.event('inStep', from);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test('that is paused before it begins waits, and a secondary that is lost meanwhile is noticed', async () => {
    pair = await new Pair().open();
    const { alpha, beta } = pair;
    writeImage(alpha, 'image', MIB, 0.25);
    await pair.serve(alpha);
    await alpha.mirror.paceResync({ paused: true, bandwidth: 'adaptive' });
    const from = await pair.attach(alpha, beta);
    await nextProgress(alpha);
    expect((await nextProgress(alpha)).names).toBe(0);
    await beta.crash();
    await alpha.event('peerLost', from, 5000);
    expect(fs.readFileSync(path.join(alpha.directory, 'image'))).toHaveLength(MIB);
  });

  test('takes another bandwidth while it goes', async () => {
    pair = await new Pair({ both: { resyncBandwidth: MIB } }).open();
    const { alpha, beta } = pair;
    writeImage(alpha, 'image', 48 * MIB, 0.25);
    await pair.serve(alpha);
    const from = await pair.attach(alpha, beta);
    const slow = await alpha.event('resync', from, 10_000, ({ progress }) => progress.content > MIB / 2);
    expect(slow.progress.secondsLeft ?? 60).toBeGreaterThan(10);
    await alpha.mirror.paceResync({ paused: false, bandwidth: null });
    const { durationMs } = await alpha.event('inStep', from, 15_000);
    expect(durationMs).toBeLessThan(15_000);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test('tells what it compared, found in holes and sent', async () => {
    pair = await new Pair().open();
    const { alpha, beta } = pair;
    writeImage(alpha, 'equal', 2 * MIB, 0.25);
    writeImage(beta, 'equal', 2 * MIB, 0.25);
    writeImage(alpha, 'image', 3 * MIB, 0.25);
    fs.truncateSync(path.join(alpha.directory, 'image'), 64 * MIB);
    fs.mkdirSync(path.join(alpha.directory, 'sub'));
    await pair.serve(alpha);
    const { progress } = await pair.join(alpha, beta);
    expect(progress.toCheck).toBe(66 * MIB);
    expect(progress.checked).toBe(progress.toCheck);
    expect(progress.holes).toBe(61 * MIB);
    expect(progress.content).toBe(3 * MIB);
    expect(progress.names).toBe(3);
    expect(progress.sent).toBeGreaterThan(progress.content);
    expect(progress.cause).toBe('beta holds no data of the module yet');
  });
});
