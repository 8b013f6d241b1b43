import fs from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { cleanUp } from '../support/cleanUp.ts';
import { FaultDisk } from './faultDisk.ts';
import { Random } from './mountOperations.ts';
import { describe, Pair } from './pairHarness.ts';
import { change, changed, fill } from './variedTree.ts';

/** `UNDERSTUDY_CRASHES=20` makes that many rounds, `UNDERSTUDY_SEED=123` repeats one. */
const rounds = Number(process.env['UNDERSTUDY_CRASHES'] ?? 1);
const first = Number(process.env['UNDERSTUDY_SEED'] ?? Math.floor(Math.random() * 1e6));
const MEGABYTES = 96;
const MIB = 1 << 20;

let pair: Pair | null = null;
const disks: FaultDisk[] = [];
afterEach(async () => {
  const used = pair;
  pair = null;
  await cleanUp([
    // What stays wrong is told at the end.
    () => used?.alpha.close().catch(() => undefined),
    () => used?.beta.close().catch(() => undefined),
    ...disks.splice(0).map((disk) => () => disk.remove()),
    () => used?.remove(),
  ]);
});

const seeds = Array.from({ length: rounds }, (_, index) => first + index);

/** With one disk for files and state a removed file is kept by another name, with two as a copy. */
test.each(
  seeds.flatMap((seed) => [
    { seed, one: true },
    { seed, one: false },
  ]),
)(
  'a secondary that loses power in mid-resync, and while it is taken back, is what it was in the end ($seed, one disk: $one)',
  async ({ seed, one }) => {
    const random = new Random(seed);
    const disk = async () => {
      const made = await FaultDisk.make(MEGABYTES);
      disks.push(made);
      return made;
    };
    const data = await disk();
    const state = one ? data : await disk();
    pair = new Pair();
    const { alpha, beta } = pair;
    Object.assign(beta.options, { directory: `${data.mountPoint}/data`, stateDirectory: `${state.mountPoint}/state` });
    fs.mkdirSync(beta.directory);
    const powerLoss = async () => {
      // Both disks stop before the process does.
      let killed: Promise<void> | null = null;
      const kill = () => (killed ??= beta.crash());
      for (const disk of disks) await disk.powerLoss(random.below(1000), kill);
      for (const disk of disks) await disk.powerOn();
      await beta.open();
    };

    fill(alpha.directory);
    await pair.open();
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    await beta.mirror.release();
    await alpha.event('peerLost');
    await pair.goAlone(alpha);
    const before = describe(beta.directory);
    change(alpha.directory);
    // So slow that the power goes long before its end.
    await alpha.mirror.paceResync({ paused: false, bandwidth: MIB / 2 });
    const from = await pair.attach(alpha, beta);
    const share = random.below(6) / 10;
    await alpha.event(
      'resync',
      from,
      30_000,
      ({ progress }) => progress.checked >= share * progress.toCheck && progress.sent > 50_000,
    );
    await new Promise((resolve) => setTimeout(resolve, random.below(300)));
    await powerLoss();
    await alpha.crash();
    expect(await beta.mirror.record()).toMatchObject({ consistent: false, restorable: true });

    // Power goes again while it is taken back.
    const serving = pair.serve(beta).then(
      () => true,
      () => false,
    );
    await new Promise((resolve) => setTimeout(resolve, random.below(120)));
    await powerLoss();
    console.log(`seed ${seed}: it had ${(await serving) ? 'been' : 'not been'} taken back`);
    await pair.serve(beta);
    expect(changed(before, describe(beta.directory))).toEqual([]);
    expect(fs.existsSync(`${beta.options.stateDirectory}/undo`)).toBe(false);
  },
);
