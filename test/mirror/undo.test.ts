import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Random } from './mountOperations.ts';
import { describe, Pair } from './pairHarness.ts';
import { change, changed, fill } from './variedTree.ts';

const MIB = 1 << 20;
let pair: Pair | null = null;
afterEach(async () => {
  await pair?.remove();
  pair = null;
});

/**
 * Beta was in step once, then away while everything changed. Returns what it was before. The next resync is so slow that a second and more is
 * left of it when it has come a good part of its way.
 */
async function resyncing(options: ConstructorParameters<typeof Pair>[0] = {}) {
  pair = new Pair(options);
  const { alpha, beta } = pair;
  fill(alpha.directory);
  await pair.open();
  await pair.serve(alpha);
  await pair.join(alpha, beta);
  await beta.mirror.release();
  await alpha.event('peerLost');
  await pair.goAlone(alpha);
  await alpha.mirror.paceResync({ paused: false, bandwidth: MIB / 2 });
  const before = describe(beta.directory);
  change(alpha.directory);
  return { pair, alpha, beta, before };
}

const seed = Number(process.env['UNDERSTUDY_SEED'] ?? Math.floor(Math.random() * 1e6));

test(`a secondary whose primary is lost in mid-resync can be had back as it was (seed ${seed})`, async () => {
  const random = new Random(seed);
  const { pair, alpha, beta, before } = await resyncing();
  const from = await pair.attach(alpha, beta);
  const share = random.below(9) / 10;
  await alpha.event(
    'resync',
    from,
    30_000,
    ({ progress }) => progress.checked >= share * progress.toCheck && progress.sent > 100_000,
  );
  // It waits here, so that it cannot have ended: how fast the rest would come depends on the machine.
  await alpha.mirror.paceResync({ paused: true, bandwidth: null });
  // The guest goes on meanwhile, and what it changes is applied, too.
  fs.writeFileSync(path.join(alpha.directory, 'a/file-39'), randomBytes(3000));
  fs.rmSync(path.join(alpha.directory, 'a/file-38'));
  const since = beta.seen.length;
  await alpha.crash();
  await beta.event('followerLink', since, 10_000, (event) => !event.connected);
  expect(await beta.mirror.record()).toMatchObject({ consistent: false, restorable: true });
  expect(changed(before, describe(beta.directory))).not.toEqual([]);

  await pair.serve(beta);
  expect(changed(before, describe(beta.directory))).toEqual([]);
  expect(await beta.mirror.record()).toMatchObject({ consistent: true });
  await beta.event('rolledBack');
  expect(fs.existsSync(path.join(beta.options.stateDirectory, 'undo'))).toBe(false);
});

test('a resync that is broken off and goes on keeps what the replica was before the first one, until its end', async () => {
  const { pair, alpha, beta, before } = await resyncing();
  for (const share of [0.2, 0.6]) {
    const from = await pair.attach(alpha, beta);
    await alpha.event(
      'resync',
      from,
      30_000,
      ({ progress }) => progress.checked > share * progress.toCheck && progress.sent > 100_000,
    );
    await beta.crash();
    await alpha.event('peerLost', from);
    await beta.open();
    expect(await beta.mirror.record()).toMatchObject({ consistent: false, restorable: true });
  }
  // In step: what was kept is dropped, and the replica is the primary's.
  await pair.join(alpha, beta);
  expect(await beta.mirror.record()).toMatchObject({ consistent: true, restorable: false });
  expect(fs.existsSync(path.join(beta.options.stateDirectory, 'undo'))).toBe(false);
  expect(changed(before, describe(beta.directory))).not.toEqual([]);
  expect(changed(describe(alpha.directory), describe(beta.directory))).toEqual([]);
});

test('when more changes than may be kept, the secondary says so and the resync goes on', async () => {
  const { pair, alpha, beta } = await resyncing({ beta: { resyncUndo: 256 * 1024 } });
  await pair.join(alpha, beta);
  const { reason } = await beta.event('undoGivenUp');
  expect(reason).toMatch(/more than 0.3 MiB of it would change/);
  expect(await beta.mirror.record()).toMatchObject({ consistent: true });
  expect(changed(describe(alpha.directory), describe(beta.directory))).toEqual([]);
});

test('files that were replaced during a resync do not keep their space when it is over', async () => {
  const { pair, alpha, beta } = await resyncing({ alpha: { resyncBandwidth: 2 * MIB } });
  const from = await pair.attach(alpha, beta);
  await alpha.event('resync', from, 30_000, ({ progress }) => progress.content > 0);
  const at = (name: string) => path.join(alpha.directory, name);
  for (const name of ['a/file-37', 'a/file-38']) {
    fs.appendFileSync(at(name), 'more');
    fs.writeFileSync(at('new'), 'another one');
    fs.renameSync(at('new'), at(name));
  }
  await alpha.event('inStep', from, 60_000);
  const opened = `/proc/${beta.mirror.pid ?? 0}/fd`;
  const removed = fs
    .readdirSync(opened)
    .flatMap((fd) => {
      try {
        return [fs.readlinkSync(path.join(opened, fd))];
      } catch {
        // Closed meanwhile.
        return [];
      }
    })
    .filter((target) => target.startsWith(beta.base) && target.endsWith(' (deleted)'));
  expect(removed).toEqual([]);
});
