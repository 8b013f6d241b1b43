import fs from 'node:fs';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type * as BackgroundCalls from '../../agent/mirror/replica/backgroundCalls.ts';
import { MirrorHost } from '../../agent/mirror/replica/mirrorHost.ts';
import type { ReplicaRecord } from '../../agent/mirror/mirror.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { differences, mirrorBundle, settle, TestHost } from './pairHarness.ts';

/** The disk of the follower, which lives in this process: while it is slow, what is to be made durable waits. */
const disk = vi.hoisted(() => ({ slow: Promise.resolve(), waiting: 0 }));
vi.mock(import('../../agent/mirror/replica/backgroundCalls.ts'), async (original) => {
  const real: typeof BackgroundCalls = await original();
  const slowly = async (makeDurable: () => Promise<void>) => {
    const { slow } = disk;
    disk.waiting++;
    await slow;
    await makeDurable();
    disk.waiting--;
  };
  return {
    ...real,
    syncFileSystem: (fd: number) => slowly(() => real.syncFileSystem(fd)),
    syncFileSystems: (fds: readonly number[]) => slowly(() => real.syncFileSystems(fds)),
  };
});

/** How long the secondary may be silent. */
const ACKNOWLEDGE_MS = 1500;

let alpha: TestHost;
let place: TestHost;
let beta: MirrorHost | null = null;
let recover = () => {};

beforeEach(() => {
  alpha = new TestHost('alpha', { resyncBandwidth: 4 << 20, acknowledgeTimeoutMs: ACKNOWLEDGE_MS });
  place = new TestHost('beta');
});
afterEach(() => cleanUp([() => recover(), () => beta?.close(), () => alpha.remove(), () => place.remove()]));

const record = () =>
  JSON.parse(fs.readFileSync(path.join(place.options.stateDirectory, 'replica.json'), 'utf8')) as ReplicaRecord;

test("the late end of one session's resync does not complete that of the next session", async () => {
  await alpha.open();
  await alpha.mirror.enterEpoch({ epoch: 1, primary: 'alpha' });
  await alpha.mirror.serve(1);
  const follower = (beta = new MirrorHost(place.options, path.dirname(await mirrorBundle()), () => {}));
  disk.slow = new Promise((resolve) => (recover = resolve));

  const endpoint = await follower.follow('127.0.0.1', 1);
  await alpha.mirror.attach('127.0.0.1', endpoint, 1);
  await vi.waitUntil(() => disk.waiting === 1, { timeout: 10_000 });
  await alpha.mirror.goAlone({ epoch: 2, primary: 'alpha' });
  const image = Buffer.alloc(12 << 20);
  for (let at = 0; at < image.length; at += 512) image.writeDoubleLE(at + 0.5, at);
  fs.writeFileSync(path.join(alpha.directory, 'image'), image);

  const from = alpha.seen.length;
  // The same follower goes on: what it was asked for by the first session is still under way.
  await vi.waitFor(() => alpha.mirror.attach('127.0.0.1', endpoint, 2), { timeout: 10_000 });
  await alpha.event('resync', from, 10_000, (event) => event.progress.sent > 1 << 20);
  recover();
  await vi.waitUntil(() => disk.waiting === 0, { timeout: 10_000 });
  await turn();
  expect(record().consistent).toBe(false);
  expect(alpha.seen.slice(from).some((event) => event.type === 'inStep')).toBe(false);

  await alpha.event('inStep', from);
  expect(record().consistent).toBe(true);
  expect(await settle(alpha.directory, place.directory)).toEqual([]);
  await alpha.mirror.release();
  expect(differences(alpha.directory, place.directory)).toEqual([]);
});

test('a host that is forced while the resync into it ends goes on in its own history', async () => {
  await alpha.open();
  await alpha.mirror.enterEpoch({ epoch: 1, primary: 'alpha' });
  await alpha.mirror.serve(1);
  const follower = (beta = new MirrorHost(place.options, path.dirname(await mirrorBundle()), () => {}));
  disk.slow = new Promise((resolve) => (recover = resolve));
  const endpoint = await follower.follow('127.0.0.1', 1);
  const from = alpha.seen.length;
  await alpha.mirror.attach('127.0.0.1', endpoint, 1);
  await vi.waitUntil(() => disk.waiting === 1, { timeout: 10_000 });

  // Without an arbiter, as the other host has taken the same epoch.
  await follower.enterEpoch({ epoch: 1, primary: 'beta', apart: true });
  recover();
  await alpha.event('peerLost', from);
  expect(record().lineage).toEqual([{ epoch: 1, primary: 'beta', apart: true }]);
  expect(alpha.seen.slice(from).some((event) => event.type === 'inStep')).toBe(false);
});

test('a secondary whose disk is slow when the resync first changes it is not taken for a lost one', async () => {
  await alpha.open();
  await alpha.mirror.enterEpoch({ epoch: 1, primary: 'alpha' });
  await alpha.mirror.serve(1);
  const follower = (beta = new MirrorHost(place.options, path.dirname(await mirrorBundle()), () => {}));
  await alpha.mirror.attach('127.0.0.1', await follower.follow('127.0.0.1', 1), 1);
  await alpha.event('inStep');
  const away = alpha.seen.length;
  await follower.release();
  await alpha.event('peerLost', away);
  fs.writeFileSync(path.join(alpha.directory, 'file'), 'changed');

  disk.slow = new Promise((resolve) => (recover = resolve));
  const from = alpha.seen.length;
  await alpha.mirror.attach('127.0.0.1', await follower.follow('127.0.0.1', 1), 1);
  await vi.waitUntil(() => disk.waiting === 1, { timeout: 10_000 });
  expect(record().consistent).toBe(true);
  // Twice as long as a secondary may be silent.
  await new Promise((resolve) => setTimeout(resolve, 2 * ACKNOWLEDGE_MS));
  expect(alpha.seen.slice(from).filter(({ type }) => type === 'peerLost')).toEqual([]);
  recover();
  await alpha.event('inStep', from);
  expect(fs.readFileSync(path.join(place.directory, 'file'), 'utf8')).toBe('changed');
});
