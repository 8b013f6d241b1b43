import fs from 'node:fs';
import { afterEach, describe as suite, expect, test } from 'vitest';
import { loadMarks } from '../../agent/mirror/replica/zoneMarks.ts';
import { ZONE_BYTES } from '../../agent/mirror/link/protocol.ts';
import { CrashGuest, differingBytes } from './crashGuest.ts';
import type { Writing } from './crashGuestWriting.ts';
import { FaultDisk } from './faultDisk.ts';
import { Random } from './mountOperations.ts';
import type { TestHost } from './pairHarness.ts';
import { Pair, settle } from './pairHarness.ts';

/** `UNDERSTUDY_CRASHES=20` makes that many rounds of each kind, `UNDERSTUDY_SEED=123` repeats one. */
const rounds = Number(process.env['UNDERSTUDY_CRASHES'] ?? 1);
const given = process.env['UNDERSTUDY_SEED'];
const MEGABYTES = 64;
const MIB = 1 << 20;

/** How the guest writes, and what the module makes of direct writes. */
interface Use {
  readonly writing: Writing;
  readonly directIo: 'cache' | 'disk';
}
const PLAIN: Use = { writing: 'plain', directIo: 'cache' };

/** Two hosts, each with a disk of its own that loses what was not flushed. */
class CrashPair extends Pair {
  readonly disks: ReadonlyMap<TestHost, FaultDisk>;
  readonly guest: CrashGuest;

  private constructor(one: FaultDisk, other: FaultDisk, { writing, directIo }: Use) {
    super({ both: { directIo } });
    this.guest = new CrashGuest(writing);
    for (const [host, disk] of [
      [this.alpha, one],
      [this.beta, other],
    ] as const) {
      Object.assign(host.options, { directory: `${disk.mountPoint}/data`, stateDirectory: `${disk.mountPoint}/state` });
    }
    this.disks = new Map([
      [this.alpha, one],
      [this.beta, other],
    ]);
  }

  static async make(use: Use): Promise<CrashPair> {
    const pair = new CrashPair(await FaultDisk.make(MEGABYTES), await FaultDisk.make(MEGABYTES), use);
    for (const host of [pair.alpha, pair.beta]) fs.mkdirSync(host.directory);
    CrashGuest.prepare(pair.alpha.directory);
    await pair.open();
    await pair.serve(pair.alpha);
    await pair.join(pair.alpha, pair.beta);
    pair.guest.start(pair.alpha.directory);
    return pair;
  }

  disk(host: TestHost): FaultDisk {
    const disk = this.disks.get(host);
    if (!disk) throw new Error('no such host');
    return disk;
  }

  async powerLoss(host: TestHost, seed: number): Promise<void> {
    const { pending, kept } = await this.disk(host).powerLoss(seed, () => host.crash());
    console.log(`${host.name} loses power: ${kept} of ${pending} blocks that were not flushed are there all the same`);
  }

  async powerOn(host: TestHost): Promise<void> {
    await this.disk(host).powerOn();
    await host.open();
  }

  /** The pair is whole again by a delta within its bound, and both replicas hold all that was durable. */
  async rejoin(primary: TestHost, follower: TestHost): Promise<void> {
    const hot = [primary, follower]
      .flatMap((host) => [...loadMarks(host.options.stateDirectory).files.values()])
      .reduce((bytes, set) => bytes + (set.whole ? MIB : set.bytes), 0);
    const differing = differingBytes(primary.directory, follower.directory);
    const { progress } = await this.join(primary, follower);
    const zones = hot / ZONE_BYTES;
    console.log(`${progress.kind}: ${progress.sent} bytes for ${differing} that differed, ${zones} hot zones`);
    expect(progress.kind).toBe('delta');
    expect(progress.sent).toBeLessThanOrEqual(1.1 * differing + MIB * Math.max(1, zones / 1000));
    expect(await settle(primary.directory, follower.directory)).toEqual([]);
    expect(this.guest.missing(primary.directory)).toEqual([]);
    expect(this.guest.missing(follower.directory)).toEqual([]);
  }

  override async remove(): Promise<void> {
    await this.guest.stop();
    for (const [host, disk] of this.disks) {
      await host.close().catch(() => undefined);
      await disk.remove();
    }
    await super.remove();
  }
}

let pair: CrashPair | null = null;
afterEach(async () => {
  await pair?.remove();
  pair = null;
});

/** Runs a story with seeds that are printed, at moments that they choose. */
function story(
  name: string,
  tell: (pair: CrashPair, random: Random, seed: number) => Promise<void>,
  use: Use = PLAIN,
): void {
  const first = given === undefined ? Math.floor(Math.random() * 1e6) : Number(given);
  test.each(Array.from({ length: rounds }, (_, index) => first + index))(`${name} (seed %i)`, async (seed) => {
    const random = new Random(seed);
    pair = await CrashPair.make(use);
    // Up to and beyond the first turns of the marks.
    await pair.guest.writes(1 + random.below(300));
    await new Promise((resolve) => setTimeout(resolve, random.below(4000)));
    await tell(pair, random, seed);
  });
}

/** Alpha loses power: beta holds what was durable, serves, and takes alpha back by a delta. */
async function failOverAndBack(all: CrashPair, random: Random, seed: number): Promise<void> {
  const { alpha, beta, guest } = all;
  await all.powerLoss(alpha, seed);
  await guest.stop();
  await all.serve(beta);
  expect(guest.missing(beta.directory)).toEqual([]);
  guest.start(beta.directory);
  await guest.writes(1 + random.below(200));
  await guest.stop();
  await all.powerOn(alpha);
  await all.rejoin(beta, alpha);
}

suite('power loss', () => {
  story('of the primary: the secondary holds what was durable, serves, and takes it back by a delta', failOverAndBack);

  story('of the secondary: the primary goes on, and takes it back by a delta', async (all, random, seed) => {
    const { alpha, beta, guest } = all;
    await all.powerLoss(beta, seed);
    await alpha.event('peerLost');
    await all.goAlone(alpha);
    await guest.writes(1 + random.below(200));
    await guest.stop();
    await all.powerOn(beta);
    await all.rejoin(alpha, beta);
  });

  for (const firstBack of ['primary', 'secondary'] as const) {
    story(`of both, and the ${firstBack} is back first`, async (all, random, seed) => {
      const { alpha, beta, guest } = all;
      await Promise.all([all.powerLoss(alpha, seed), all.powerLoss(beta, seed + 1)]);
      await guest.stop();
      const [first, second] = firstBack === 'primary' ? [alpha, beta] : [beta, alpha];
      await all.powerOn(first);
      await all.serve(first);
      expect(guest.missing(first.directory)).toEqual([]);
      guest.start(first.directory);
      await guest.writes(1 + random.below(200));
      await guest.stop();
      await all.powerOn(second);
      await all.rejoin(first, second);
    });
  }
});

suite('power loss of both, one after the other, under', () => {
  const uses: Record<string, Use> = {
    'sixteen direct writes at a time': { writing: 'direct', directIo: 'cache' },
    'sixteen direct writes at a time that go on to the disk': { writing: 'direct', directIo: 'disk' },
    'writes to mapped memory': { writing: 'mapped', directIo: 'cache' },
  };
  for (const [name, use] of Object.entries(uses)) {
    story(
      `${name}: the secondary serves what was durable, and so does the first one in its turn`,
      async (all, random, seed) => {
        const { alpha, beta, guest } = all;
        await failOverAndBack(all, random, seed);
        guest.start(beta.directory);
        await guest.writes(1 + random.below(200));
        await Promise.all([all.powerLoss(alpha, seed + 1), all.powerLoss(beta, seed + 2)]);
        await guest.stop();
        await all.powerOn(beta);
        await all.serve(beta);
        expect(guest.missing(beta.directory)).toEqual([]);
        await all.powerOn(alpha);
        await all.rejoin(beta, alpha);
      },
      use,
    );
  }
});

suite('the mirror process is killed', () => {
  story('on the primary', async (all, random) => {
    const { alpha, beta, guest } = all;
    await alpha.crash();
    await guest.stop();
    await all.serve(beta);
    guest.start(beta.directory);
    await guest.writes(1 + random.below(200));
    await guest.stop();
    await alpha.open();
    await all.rejoin(beta, alpha);
  });

  story('on the secondary', async (all, random) => {
    const { alpha, beta, guest } = all;
    await beta.crash();
    await alpha.event('peerLost');
    await all.goAlone(alpha);
    await guest.writes(1 + random.below(200));
    await guest.stop();
    await beta.open();
    await all.rejoin(alpha, beta);
  });
});
