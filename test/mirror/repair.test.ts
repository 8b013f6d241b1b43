import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe as suite, expect, test } from 'vitest';
import type { VerifyReport } from '../../agent/mirror/mirror.ts';
import { GuestProgram } from './guestProgram.ts';
import { settle } from './pairHarness.ts';
import { UncoveredPair } from './uncoveredPair.ts';

const uncovered = new UncoveredPair();
const { file, hidden, verify } = uncovered;

/** Changes a byte of the secondary's file and nothing that tells of it. */
function flip(name: string, offset: number): void {
  const times = path.join(uncovered.pair.beta.base, 'times');
  execFileSync('touch', ['-r', hidden(name), times]);
  const fd = fs.openSync(hidden(name), 'r+');
  const byte = Buffer.alloc(1);
  fs.readSync(fd, byte, 0, 1, offset);
  fs.writeSync(fd, Buffer.from([(byte[0] ?? 0) ^ 0x10]), 0, 1, offset);
  fs.closeSync(fd);
  execFileSync('touch', ['-r', times, hidden(name)]);
}

/** What the agents do when an operator wants what a verify found repaired. */
async function repair(found: VerifyReport) {
  const { pair } = uncovered;
  const { alpha, beta } = pair;
  await pair.goAlone(alpha);
  await alpha.mirror.markDifferences(found.total > found.differences.length ? null : found.differences);
  await beta.mirror.release();
  const lineage = (await beta.mirror.record()).lineage;
  const about = { host: 'beta', kept: 'alpha', reason: 'an operator asked for a repair', lineage, keptLineage: [] };
  const folder = await beta.mirror.keepAside('beta-before-repair', about);
  const { progress } = await pair.join(alpha, beta);
  return { folder, progress };
}

interface Manifest {
  readonly differences: readonly { readonly path: string; readonly kind: string }[] | null;
}

/** What stays of a content that was kept aside, once it was compared with what took its place. */
async function keptIn(folder: string): Promise<string[]> {
  const end = Date.now() + 30_000;
  for (;;) {
    const { differences } = JSON.parse(fs.readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as Manifest;
    if (differences !== null) {
      return differences.map(({ path: at, kind }) => `${Buffer.from(at, 'base64').toString()} ${kind}`).sort();
    }
    if (Date.now() > end) throw new Error(`${folder} was not compared in time`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

suite('a repair', () => {
  test('sends what a verify found and no more, and keeps what the secondary held aside', async () => {
    const { pair } = uncovered;
    const { alpha, beta } = pair;
    fs.writeFileSync(file('image'), Buffer.alloc(64 * 1024 * 1024, 7));
    fs.writeFileSync(file('untouched'), Buffer.alloc(1024 * 1024, 8));
    await pair.join(alpha, beta);
    flip('image', 40_000_123);

    const found = await verify();
    expect(found.differences.map(({ path: at, what }) => `${what} ${at}`)).toEqual(['content image']);
    const { folder, progress } = await repair(found);
    expect(progress.kind).toBe('delta');
    expect(progress.sent).toBeLessThan(200_000);
    expect(await verify()).toMatchObject({ outcome: 'complete', total: 0 });
    expect(await settle(alpha.directory, uncovered.below)).toEqual([]);
    expect(await keptIn(folder)).toEqual(['image content']);
    expect(fs.readFileSync(path.join(folder, 'files/image'))[40_000_123]).toBe(7 ^ 0x10);
  });

  test('mends every kind of difference', async () => {
    const { pair } = uncovered;
    const { alpha, beta } = pair;
    fs.writeFileSync(file('image'), Buffer.alloc(3_000_001, 7));
    fs.truncateSync(file('image'), 40_000_000);
    for (const name of ['mode', 'owner', 'time', 'xattr', 'missing', 'short', 'links', 'kind']) {
      fs.writeFileSync(file(name), name);
    }
    fs.linkSync(file('links'), file('links2'));
    fs.symlinkSync('image', file('link'));
    await pair.join(alpha, beta);

    flip('image', 2_000_123);
    // In what is a hole on the primary.
    flip('image', 30_000_000);
    fs.chmodSync(hidden('mode'), 0o600);
    fs.chownSync(hidden('owner'), 12, 13);
    fs.utimesSync(hidden('time'), 1, 2);
    execFileSync('setfattr', ['-n', 'user.a', '-v', 'b', hidden('xattr')]);
    fs.rmSync(hidden('missing'));
    fs.truncateSync(hidden('short'), 2);
    fs.rmSync(hidden('link'));
    fs.symlinkSync('elsewhere', hidden('link'));
    fs.rmSync(hidden('links2'));
    fs.writeFileSync(hidden('links2'), 'links');
    fs.rmSync(hidden('kind'));
    fs.mkdirSync(hidden('kind'));
    fs.writeFileSync(hidden('extra'), 'only here');

    const { folder } = await repair(await verify());
    expect(await verify()).toMatchObject({ outcome: 'complete', total: 0, differences: [] });
    expect(await settle(alpha.directory, uncovered.below)).toEqual([]);
    expect(fs.readFileSync(path.join(folder, 'files/extra'), 'utf8')).toBe('only here');
  });

  test('compares everything when a file that was found has another name by then', async () => {
    const { pair } = uncovered;
    const { alpha, beta } = pair;
    fs.writeFileSync(file('image'), Buffer.alloc(1024 * 1024, 7));
    await pair.join(alpha, beta);
    flip('image', 1234);
    const found = await verify();
    fs.renameSync(file('image'), file('renamed'));
    expect((await repair(found)).progress.kind).toBe('full');
    expect(await verify()).toMatchObject({ outcome: 'complete', total: 0 });
  });

  test('goes on beside a program that writes', async () => {
    const { pair } = uncovered;
    const { alpha, beta } = pair;
    fs.writeFileSync(file('image'), Buffer.alloc(16 * 1024 * 1024, 7));
    await pair.join(alpha, beta);
    uncovered.keep(
      new GuestProgram(
        'exec bash -c "$1" bash "$2"',
        'while :; do dd if=/dev/urandom of="$1/image" bs=4k count=1 seek=$((RANDOM % 2048)) conv=notrunc,fdatasync; done 2>/dev/null',
        alpha.directory,
      ),
    );
    flip('image', 12 * 1024 * 1024);
    const found = await verify();
    expect(found.total).toBeGreaterThan(0);
    await repair(found);
    expect(await verify()).toMatchObject({ outcome: 'complete', total: 0, differences: [] });
  });

  test('marks nothing while a secondary is connected', async () => {
    const { pair } = uncovered;
    const { alpha, beta } = pair;
    await pair.join(alpha, beta);
    await expect(alpha.mirror.markDifferences(null)).rejects.toThrow('with a secondary connected');
  });
});
