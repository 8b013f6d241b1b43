import fs from 'node:fs';
import { expect } from 'vitest';
import { ZONE_BYTES } from '../../agent/mirror/link/protocol.ts';
import { markFiles } from '../../agent/mirror/replica/markFile.ts';
import { loadMarks } from '../../agent/mirror/replica/zoneMarks.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { CrashGuest, differingBytes } from './crashGuest.ts';
import type { Writing } from './crashGuestWriting.ts';
import { FaultDisk } from './faultDisk.ts';
import { Pair, settle, type TestHost } from './pairHarness.ts';

const MEGABYTES = 64;
const MIB = 1 << 20;

/** How the guest writes, and what the module makes of direct writes. */
export interface Use {
  readonly writing: Writing;
  readonly directIo: 'cache' | 'disk';
}

/** What lies on which disk of a host. */
export interface Layout {
  /** Each on a disk of its own. */
  readonly directories: number;
  /** The disk that holds the state as well, or one more that holds nothing else. */
  readonly stateOn: 'first' | 'last' | 'own';
}

/** Two hosts, each with disks of its own that lose what was not flushed. */
export class CrashPair extends Pair {
  readonly disks: ReadonlyMap<TestHost, readonly FaultDisk[]>;
  readonly guest: CrashGuest;

  private constructor(one: readonly FaultDisk[], other: readonly FaultDisk[], use: Use, layout: Layout) {
    super({ both: { directIo: use.directIo } });
    this.guest = new CrashGuest(use.writing, layout.directories);
    this.disks = new Map([
      [this.alpha, one],
      [this.beta, other],
    ]);
    for (const [host, disks] of this.disks) {
      const [directory, ...furtherDirectories] = disks
        .slice(0, layout.directories)
        .map(({ mountPoint }) => `${mountPoint}/data`);
      const state = layout.stateOn === 'first' ? disks[0] : disks.at(-1);
      Object.assign(host.options, {
        directory,
        furtherDirectories,
        layout: disks.slice(0, layout.directories).map((_, index) => `/srv/${index}`),
        stateDirectory: `${state?.mountPoint ?? ''}/state`,
      });
    }
  }

  static async make(use: Use, layout: Layout): Promise<CrashPair> {
    const [one, other] = await makeDisksOfBoth(layout);
    const pair = new CrashPair(one, other, use, layout);
    try {
      CrashGuest.prepare(pair.alpha.directories);
      await pair.open();
      await pair.serve(pair.alpha);
      await pair.join(pair.alpha, pair.beta);
      pair.guest.start(pair.alpha.directories);
      return pair;
    } catch (error) {
      await pair.remove();
      throw error;
    }
  }

  #disksOf(host: TestHost): readonly FaultDisk[] {
    const disks = this.disks.get(host);
    if (!disks) throw new Error('no such host');
    return disks;
  }

  async powerLoss(host: TestHost, seed: number): Promise<void> {
    const { pending, kept } = await FaultDisk.losePower(this.#disksOf(host), seed, () => host.crash());
    console.log(`${host.name} loses power: ${kept} of ${pending} blocks that were not flushed are there all the same`);
  }

  async powerOn(host: TestHost): Promise<void> {
    for (const disk of this.#disksOf(host)) await disk.powerOn();
    await host.open();
  }

  /** The pair is whole again by a delta within its bound, and both replicas hold all that was durable. */
  async rejoin(primary: TestHost, follower: TestHost): Promise<void> {
    const hot = [primary, follower]
      .flatMap((host) => [...loadMarks(markFiles(host.options.stateDirectory)).files.values()])
      .reduce((bytes, set) => bytes + (set.whole ? MIB : set.bytes), 0);
    const pairs = primary.directories.map(
      (directory, index) => [directory, follower.directories[index] ?? ''] as const,
    );
    const differing = () => pairs.reduce((bytes, [one, other]) => bytes + differingBytes(one, other), 0);
    const differed = differing();
    const { progress } = await this.join(primary, follower);
    const zones = hot / ZONE_BYTES;
    console.log(`${progress.kind}: ${progress.sent} bytes for ${differed} that differed, ${zones} hot zones`);
    expect(progress.kind).toBe('delta');
    expect(progress.sent).toBeLessThanOrEqual(1.1 * differed + MIB * Math.max(1, zones / 1000));
    for (const [one, other] of pairs) expect(await settle(one, other)).toEqual([]);
    expect(differing()).toBe(0);
    expect(this.guest.missing(primary.directories)).toEqual([]);
    expect(this.guest.missing(follower.directories)).toEqual([]);
  }

  override async remove(): Promise<void> {
    // It may wait for a mirror that holds its write: then it ends when that does.
    this.guest.kill();
    const hosts = [...this.disks.keys()];
    const disks = [...this.disks.values()].flat();
    await cleanUp([
      // What stays wrong is told at the end.
      ...hosts.map((host) => () => host.close().catch(() => undefined)),
      () => this.guest.stop(),
      ...disks.map((disk) => () => disk.remove()),
      () => super.remove(),
    ]);
  }
}

async function makeDisksOfBoth(layout: Layout): Promise<[FaultDisk[], FaultDisk[]]> {
  const made: [FaultDisk[], FaultDisk[]] = [[], []];
  try {
    for (const disks of made) await makeDisks(disks, layout);
    return made;
  } catch (error) {
    await cleanUp(made.flat().map((disk) => () => disk.remove()));
    throw error;
  }
}

async function makeDisks(disks: FaultDisk[], { directories, stateOn }: Layout): Promise<void> {
  while (disks.length < directories + (stateOn === 'own' ? 1 : 0)) {
    const disk = await FaultDisk.make(MEGABYTES);
    // Before the next disk is: two directories of one number that are made in the same moment are refused.
    if (disks.push(disk) <= directories) fs.mkdirSync(`${disk.mountPoint}/data`);
  }
}
