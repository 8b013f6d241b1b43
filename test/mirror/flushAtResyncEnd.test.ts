import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type * as BackgroundCalls from '../../agent/mirror/replica/backgroundCalls.ts';
import type { MirrorEvent, ReplicaRecord } from '../../agent/mirror/mirror.ts';
import { MirrorHost } from '../../agent/mirror/replica/mirrorHost.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { FaultDisk } from './faultDisk.ts';
import { GuestProgram } from './guestProgram.ts';
import { mirrorBundle, TestHost } from './pairHarness.ts';

/** The disk of the primary, which lives in this process: while it is slow, what is to be made durable as a whole waits. */
const slowDisk = vi.hoisted(() => ({ wait: Promise.resolve(), waiting: 0 }));
vi.mock(import('../../agent/mirror/replica/backgroundCalls.ts'), async (original) => {
  const real: typeof BackgroundCalls = await original();
  const slowly = async (makeDurable: () => Promise<void>) => {
    const { wait } = slowDisk;
    slowDisk.waiting++;
    await wait;
    await makeDurable();
    slowDisk.waiting--;
  };
  return {
    ...real,
    syncFileSystem: (fd: number) => slowly(() => real.syncFileSystem(fd)),
    syncFileSystems: (fds: readonly number[]) => slowly(() => real.syncFileSystems(fds)),
  };
});

const BLOCK = 4096;
let disk: FaultDisk;
let place: TestHost;
let beta: TestHost;
let alpha: MirrorHost | null = null;
let recover = () => {};

beforeEach(async () => {
  disk = await FaultDisk.make(64);
  place = new TestHost('alpha');
  beta = new TestHost('beta', { directory: path.join(disk.mountPoint, 'data') });
});
afterEach(() =>
  cleanUp([() => recover(), () => alpha?.abort(), () => place.remove(), () => beta.remove(), () => disk.remove()]),
);

test('what was flushed while a resync ended is durable on the secondary, too, once both are named in sync', async () => {
  const events: MirrorEvent[] = [];
  const primary = (alpha = new MirrorHost(place.options, path.dirname(await mirrorBundle()), (each) =>
    events.push(each),
  ));
  fs.writeFileSync(path.join(place.directory, 'db'), Buffer.alloc(64 * BLOCK, 'old '), { flush: true });
  await beta.open();
  await primary.enterEpoch({ epoch: 1, primary: 'alpha' });
  await primary.serve(1);
  slowDisk.wait = new Promise((resolve) => (recover = resolve));
  await primary.attach('127.0.0.1', await beta.mirror.follow('127.0.0.1', 1), 1);
  const record = (): ReplicaRecord =>
    JSON.parse(fs.readFileSync(path.join(beta.options.stateDirectory, 'replica.json'), 'utf8')) as ReplicaRecord;
  // The secondary is durable already, this host is not.
  await vi.waitUntil(() => slowDisk.waiting === 1 && record().consistent && record().syncId !== null, {
    timeout: 10_000,
  });

  const source = path.join(place.base, 'block');
  fs.writeFileSync(source, Buffer.alloc(BLOCK, 'new '));
  const guest = new GuestProgram(
    `dd if="$1" of="$2" bs=${BLOCK} seek=10 conv=notrunc,fsync status=none && echo durable`,
    source,
    path.join(place.directory, 'db'),
  );
  expect(await guest.end()).toBe('durable\n');
  recover();
  await vi.waitUntil(() => events.some(({ type }) => type === 'inStep'), { timeout: 10_000 });
  // What the arbiter has granted: both hold every write of this epoch.
  await primary.onPeerLoss('hold');
  await primary.enterEpoch({ epoch: 2, primary: 'alpha' });

  await disk.powerLoss(1, () => beta.crash());
  await disk.powerOn();
  const held = fs.readFileSync(path.join(beta.directory, 'db'));
  expect(held.subarray(10 * BLOCK, 10 * BLOCK + 4).toString()).toBe('new ');
});
