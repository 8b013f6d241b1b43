import fs from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mountAt } from '../../agent/platform/mounts.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { expectOrder, OrderedWriter } from './orderedWriter.ts';
import type { TestHost } from './pairHarness.ts';
import { fileIn, SeveralDirectories } from './severalDirectories.ts';

let several: SeveralDirectories;
let writer: OrderedWriter | null = null;
beforeEach(async () => {
  several = new SeveralDirectories();
  await several.pair.open();
});
afterEach(async () => {
  const used = writer;
  writer = null;
  used?.kill();
  await cleanUp([() => several.remove(), () => used?.end()]);
});

/** Alpha serves a program that writes to all directories in turn, beta follows. */
async function inStep(): Promise<{ alpha: TestHost; beta: TestHost; writer: OrderedWriter }> {
  const { pair } = several;
  const { alpha, beta } = pair;
  await pair.serve(alpha);
  OrderedWriter.prepare(alpha.directories);
  await pair.join(alpha, beta);
  writer = new OrderedWriter(alpha.directories);
  await writer.turns(200);
  return { alpha, beta, writer };
}

test('when the primary dies, the secondary has everything that was acknowledged, in the order in which it was written', async () => {
  for (let round = 0; round < 3; round++) {
    const { alpha, beta, writer } = await inStep();
    await pause(37 * round);
    await alpha.crash();
    await writer.end();
    await beta.event('followerLink', 0, 10_000, (event) => !event.connected);
    await several.pair.serve(beta);
    expectOrder(OrderedWriter.found(beta.directories), writer.turn);
    await beta.mirror.release();
    // Anew, with empty directories.
    await several.remove();
    several = new SeveralDirectories();
    await several.pair.open();
  }
});

test('when the process that serves is killed, another one takes all directories over', async () => {
  const { pair } = several;
  const { alpha, beta } = pair;
  await pair.serve(alpha);
  OrderedWriter.prepare(alpha.directories);
  writer = new OrderedWriter(alpha.directories);
  const removed = fs.openSync(fileIn(alpha, 1, 'removed'), 'w+');
  fs.writeSync(removed, 'kept');
  fs.rmSync(fileIn(alpha, 1, 'removed'));
  for (let kill = 0; kill < 3; kill++) {
    await writer.turns(50);
    const from = alpha.seen.length;
    process.kill(alpha.mirror.pid ?? 0, 'SIGKILL');
    await alpha.event('tookOver', from);
  }
  await writer.turns(50);
  await alpha.mirror.renew();
  await writer.turns(50);
  expect(writer.errors).toBe('');
  const found = Buffer.alloc(4);
  fs.readSync(removed, found, 0, 4, 0);
  expect(found.toString()).toBe('kept');
  fs.closeSync(removed);
  await pair.join(alpha, beta);
  await writer.end();
  await alpha.mirror.release();
  expect(await several.differences()).toEqual([]);
  await beta.mirror.release();
  expect(several.mounts).toEqual([]);
});

test('when the secondary dies, the primary goes on, and what changed in each directory is brought over', async () => {
  const { pair } = several;
  const { alpha, beta, writer } = await inStep();
  const from = alpha.seen.length;
  await beta.crash();
  await alpha.event('peerLost', from);
  await pair.goAlone(alpha);
  await writer.turns(100);
  fs.writeFileSync(fileIn(alpha, 1, 'made'), 'meanwhile');
  await beta.open();
  expect((await pair.join(alpha, beta)).progress.kind).toBe('delta');
  await writer.turns(50);
  await writer.end();
  await alpha.mirror.release();
  expect(await several.differences()).toEqual([]);
});

test('what a dead process left, in the middle of covering the directories too, is taken away by the next one', async () => {
  const { alpha } = several.pair;
  fs.writeFileSync(fileIn(alpha, 2, 'file'), 'content');
  const [first = '', , last = ''] = alpha.directories;
  const moments = [
    () => mountAt(`${alpha.options.stateDirectory}/mount`) !== null,
    () => mountAt(first) !== null,
    () => mountAt(last) !== null,
  ];
  for (const isReached of moments) {
    const { mirror } = alpha;
    const served = mirror.serve(1).catch(() => undefined);
    while (!isReached()) await new Promise(setImmediate);
    const from = alpha.seen.length;
    mirror.destroy();
    await Promise.all([served, alpha.event('failed', from)]);
    await alpha.open();
    expect(several.mounts).toEqual([]);
    expect(fs.readFileSync(fileIn(alpha, 2, 'file'), 'utf8')).toBe('content');
  }
  await alpha.mirror.serve(1);
  expect(fs.readFileSync(fileIn(alpha, 2, 'file'), 'utf8')).toBe('content');
});

test('a process that is killed in the middle of covering the directories is taken over, and all are covered, or it has failed', async () => {
  const { alpha } = several.pair;
  const [first = '', , last = ''] = alpha.directories;
  for (const place of [first, last]) {
    const from = alpha.seen.length;
    const served = alpha.mirror.serve(1).catch(() => undefined);
    while (mountAt(place) === null) await new Promise(setImmediate);
    process.kill(alpha.mirror.pid ?? 0, 'SIGKILL');
    await served;
    const ended = await Promise.race([alpha.event('tookOver', from), alpha.event('failed', from)]);
    if (ended.type === 'tookOver') {
      for (const index of [0, 1, 2]) fs.writeFileSync(fileIn(alpha, index, 'file'), 'written');
      for (const directory of alpha.directories) expect(mountAt(directory)?.source).toBe('understudy:web');
      await alpha.mirror.release();
    } else await alpha.open();
    expect(several.mounts).toEqual([]);
  }
});

test('when the agent ends without a word, all directories are uncovered', async () => {
  const { alpha, beta } = await inStep();
  await Promise.all([alpha.mirror.abandon(), beta.mirror.abandon()]);
  expect(several.mounts).toEqual([]);
  for (const host of [alpha, beta]) {
    await host.open();
    expect(OrderedWriter.found(host.directories)[0]).toBeGreaterThan(0);
  }
});

test('what a follower that died had covered is uncovered by the next one', async () => {
  const { beta } = several.pair;
  await beta.mirror.follow('127.0.0.1', 0);
  const from = beta.seen.length;
  beta.mirror.destroy();
  await beta.event('failed', from);
  expect(several.mounts).toEqual(beta.directories);
  await beta.open();
  expect(several.mounts).toEqual([]);
  for (const index of [0, 1, 2]) fs.writeFileSync(fileIn(beta, index, 'file'), '');
});
