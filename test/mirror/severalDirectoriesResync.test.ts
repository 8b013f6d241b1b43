import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { readManifest } from '../../agent/mirror/replica/asideManifest.ts';
import { describe, type Described } from './pairHarness.ts';
import { fileIn, SeveralDirectories } from './severalDirectories.ts';
import { change, changed, fill } from './variedTree.ts';

const MIB = 1 << 20;
/** A bandwidth by which seconds are left of a resync that has come a little more than half of its way. */
const SLOW = MIB;
let several: SeveralDirectories | null = null;
afterEach(async () => {
  await several?.remove();
  several = null;
});

/** Beta was in step once, and is away while everything changes in all directories. */
async function changedAlone(bandwidth: number | null) {
  several = new SeveralDirectories();
  const { pair } = several;
  const { alpha, beta } = pair;
  for (const directory of alpha.directories) fill(directory);
  await pair.open();
  await pair.serve(alpha);
  await pair.join(alpha, beta, 60_000);
  expect(await several.differences()).toEqual([]);
  await beta.mirror.release();
  await alpha.event('peerLost');
  await pair.goAlone(alpha);
  await alpha.mirror.paceResync({ paused: false, bandwidth });
  const before = beta.directories.map(describe);
  for (const directory of alpha.directories) change(directory);
  return { pair, alpha, beta, before };
}

test('a resync by what changed brings every directory in line, and one from nothing as well', async () => {
  const { pair, alpha, beta } = await changedAlone(null);
  expect((await pair.join(alpha, beta)).progress.kind).toBe('delta');
  expect(await several?.differences()).toEqual([]);
  const from = alpha.seen.length;
  await beta.close();
  await alpha.event('peerLost', from);
  await pair.goAlone(alpha);
  fs.rmSync(beta.options.stateDirectory, { recursive: true });
  fs.writeFileSync(fileIn(beta, 1, 'image'), 'not what it was');
  await beta.open();
  expect((await pair.join(alpha, beta)).progress.kind).toBe('full');
  expect(await several?.differences()).toEqual([]);
});

test('a secondary whose primary is lost in mid-resync can be had back as it was, in every directory', async () => {
  const { pair, alpha, beta, before } = await changedAlone(SLOW);
  const from = await pair.attach(alpha, beta);
  await alpha.event(
    'resync',
    from,
    30_000,
    ({ progress }) => progress.checked > 0.5 * progress.toCheck && progress.sent > MIB,
  );
  const since = beta.seen.length;
  await alpha.crash();
  await beta.event('followerLink', since, 10_000, (event) => !event.connected);
  expect(await beta.mirror.record()).toMatchObject({ consistent: false, restorable: true });
  await pair.serve(beta);
  const after = beta.directories.map(describe);
  expect(before.map((each, index) => changed(each, after[index] ?? new Map<string, Described>()))).toEqual([
    [],
    [],
    [],
  ]);
  expect(beta.seen.filter(({ type }) => type === 'undoGivenUp')).toEqual([]);
});

test('a resync that is taken back, and broken off in that again and again, is taken back in the end in every directory', async () => {
  const { pair, alpha, beta, before } = await changedAlone(SLOW);
  const from = await pair.attach(alpha, beta);
  await alpha.event(
    'resync',
    from,
    30_000,
    ({ progress }) => progress.checked > 0.6 * progress.toCheck && progress.sent > MIB,
  );
  const since = beta.seen.length;
  await alpha.crash();
  await beta.event('followerLink', since, 10_000, (event) => !event.connected);
  pair.epoch++;
  await beta.mirror.enterEpoch({ epoch: pair.epoch, primary: 'beta' });
  for (const ms of [5, 15, 30, 60, 120]) {
    const since = beta.seen.length;
    const served = beta.mirror.serve(pair.epoch).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, ms));
    beta.mirror.destroy();
    await Promise.all([served, beta.event('failed', since)]);
    await beta.open();
  }
  await beta.mirror.serve(pair.epoch);
  const after = beta.directories.map(describe);
  expect(before.map((each, index) => changed(each, after[index] ?? new Map<string, Described>()))).toEqual([
    [],
    [],
    [],
  ]);
});

test('a history that is given up is kept aside from every directory', async () => {
  several = new SeveralDirectories();
  const { pair } = several;
  const { alpha, beta } = await pair.open();
  await pair.serve(alpha);
  for (const index of [0, 1, 2]) fs.writeFileSync(fileIn(alpha, index, 'file'), 'common');
  await pair.join(alpha, beta);
  await alpha.mirror.release();
  await beta.mirror.release();
  await pair.serve(alpha);
  fs.writeFileSync(fileIn(alpha, 1, 'only-alpha'), 'made on alpha');
  await alpha.mirror.release();
  const { lineage } = await alpha.mirror.record();
  await pair.serve(beta);
  const about = { host: 'alpha', kept: 'beta', reason: 'chosen', lineage, keptLineage: [] };
  const folder = await alpha.mirror.keepAside('alpha-epoch', about);
  expect(fs.readFileSync(path.join(folder, 'files', '2', 'file'), 'utf8')).toBe('common');
  await pair.join(beta, alpha);
  await expect.poll(() => readManifest(folder)?.differences, { timeout: 10_000 }).not.toBeNull();
  const found = readManifest(folder)?.differences ?? [];
  expect(found.map((each) => `${each.kind} ${Buffer.from(each.path, 'base64').toString()}`)).toEqual([
    'removed 1/only-alpha',
  ]);
  expect(fs.readFileSync(path.join(folder, 'files', '1', 'only-alpha'), 'utf8')).toBe('made on alpha');
  expect(await several.differences()).toEqual([]);
});

test('a verify finds what differs in the second directory, and what it found is brought in line', async () => {
  several = new SeveralDirectories();
  const { pair } = several;
  const { alpha, beta } = await pair.open();
  const disk = path.dirname(beta.directories[1] ?? '');
  const below = path.join(beta.base, 'below');
  fs.mkdirSync(below);
  execFileSync('mount', ['--bind', disk, below]);
  execFileSync('mount', ['--make-private', below]);
  try {
    await pair.serve(alpha);
    for (const index of [0, 1, 2]) fs.writeFileSync(fileIn(alpha, index, 'image'), randomBytes(200_000));
    await pair.join(alpha, beta);
    const whole = alpha.seen.length;
    await alpha.mirror.verify(null);
    expect((await alpha.event('verified', whole)).report).toMatchObject({ outcome: 'complete', total: 0 });

    const file = fs.openSync(path.join(below, 'data', 'image'), 'r+');
    fs.writeSync(file, 'rotten', 100_000);
    fs.closeSync(file);
    const from = alpha.seen.length;
    await alpha.mirror.verify(null);
    const { report } = await alpha.event('verified', from);
    const found = report.differences.map(({ path, what }) => `${what} ${path}`);
    const image = fileIn(alpha, 1, 'image');
    expect(found).toContain(`content ${image}`);
    expect(found.filter((each) => !each.endsWith(image))).toEqual([]);

    await beta.mirror.release();
    await alpha.event('peerLost', from);
    await pair.goAlone(alpha);
    await alpha.mirror.markDifferences(report.differences);
    await pair.join(alpha, beta);
    expect(await several.differences()).toEqual([]);
  } finally {
    execFileSync('umount', [below]);
  }
});

test('what is not replicated is meant from each directory', async () => {
  several = new SeveralDirectories({ exclude: ['*.swp', '/tmp'] });
  const { pair } = several;
  const { alpha, beta } = await pair.open();
  await pair.serve(alpha);
  await pair.join(alpha, beta);
  for (const index of [0, 1]) {
    fs.mkdirSync(fileIn(alpha, index, 'tmp'));
    fs.mkdirSync(fileIn(alpha, index, 'd/tmp'), { recursive: true });
    for (const name of ['x.swp', 'tmp/a', 'd/tmp/b', 'd/y.swp', 'z']) {
      fs.writeFileSync(fileIn(alpha, index, name), name);
    }
  }
  fs.renameSync(fileIn(alpha, 1, 'tmp/a'), fileIn(alpha, 1, 'a'));
  await alpha.mirror.release();
  const names = (index: number) =>
    (fs.readdirSync(beta.directories[index] ?? '', { recursive: true }) as string[]).sort();
  expect(names(0)).toEqual(['d', 'd/tmp', 'd/tmp/b', 'z']);
  expect(names(1)).toEqual(['a', 'd', 'd/tmp', 'd/tmp/b', 'z']);
});
