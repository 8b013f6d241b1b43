import fs from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { MirrorController } from '../../agent/mirror/controller.ts';
import type { MirrorEvent } from '../../agent/mirror/mirror.ts';
import { mountAt, unmount } from '../../agent/platform/mounts.ts';
import { Random } from '../simulation/random.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { BusyPair, pause } from './busyPair.ts';
import { GuestProgram } from './guestProgram.ts';
import { mirrorBundle, TestHost } from './pairHarness.ts';

const GUESTS = ['one', 'two', 'three'];
const used = new BusyPair();

/** Kills the process that serves, and waits until another one does. */
async function killMirror(): Promise<void> {
  const { alpha } = used.pair;
  const from = alpha.seen.length;
  process.kill(alpha.mirror.pid ?? 0, 'SIGKILL');
  await alpha.event('tookOver', from);
}

describe('kill -9 of the mirror process that serves', () => {
  it('alone: programs wait, and nothing fails or happens twice', async () => {
    const pair = await used.serve();
    const random = new Random(7);
    const busy = await used.start(GUESTS);
    for (let kill = 0; kill < 4; kill++) {
      await pause(random.between(0, 300));
      await killMirror();
      for (const guest of busy) await guest.goesOn();
    }
    await used.end(busy);
    expect(Math.max(...busy.map((guest) => guest.slowest))).toBeLessThan(5000);
    expect(pair.alpha.seen.filter(({ type }) => type === 'failed')).toEqual([]);
    await pair.join(pair.alpha, pair.beta);
    await used.expectEqualReplicas();
  }, 60_000);

  it('with a follower: what it had promised is held until the arbiter has spoken, then both become equal again', async () => {
    const pair = await used.serve();
    await pair.join(pair.alpha, pair.beta);
    const random = new Random(11);
    const busy = await used.start(GUESTS);
    for (let kill = 0; kill < 3; kill++) {
      await pause(random.between(0, 300));
      await used.expectHeldUntilAlone(busy, killMirror);
      const { progress } = await pair.join(pair.alpha, pair.beta);
      // They make and move names all the time: a resync that looked at each would find no end.
      expect(progress.names).toBeLessThan(250);
      for (const guest of busy) await guest.goesOn();
    }
    await used.end(busy);
    await used.expectEqualReplicas();
  }, 90_000);

  it('a lock stays taken, a removed file stays readable, and a frozen mirror stays frozen', async () => {
    const pair = await used.serve();
    await used.expectHoldingOn(killMirror, async () => {
      await pair.alpha.mirror.freeze();
      await killMirror();
    });
  }, 40_000);

  it('is given up when no process can take over: whoever waits gets an error', async () => {
    const pair = await used.serve();
    const from = pair.alpha.seen.length;
    pair.alpha.mirror.destroy();
    await pair.alpha.event('failed', from);
    const reader = new GuestProgram('ls "$1"', pair.alpha.directory);
    expect(await reader.end()).toMatch(/not connected|connection abort/);
  }, 30_000);
});

describe('a mirror that is destroyed', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(() => cleanUp(cleanups.splice(0).reverse()));

  it('is not taken over, also when its process says only afterwards that it could be', async () => {
    const host = new TestHost('alpha');
    cleanups.push(() => host.remove());
    // The shell is what is killed: the mirror below it goes on, as one does whose end takes its time.
    const mirror = await MirrorController.open(host.options, {
      bundle: await mirrorBundle(),
      prefix: ['/bin/sh', '-c', '"$@"; true', 'sh'],
      onLog: (line) => host.log.push(line),
    });
    cleanups.push(async () => {
      await mirror.close();
      while (mountAt(host.directory) !== null) unmount(host.directory);
    });
    const [below = 0] = fs
      .readFileSync(`/proc/${mirror.pid}/task/${mirror.pid}/children`, 'utf8')
      .split(' ')
      .map(Number);
    const seen: MirrorEvent['type'][] = [];
    const over = new Promise<void>((resolve) => {
      mirror.events(({ type }) => {
        seen.push(type);
        if (type === 'failed' || type === 'tookOver') resolve();
      });
    });
    await mirror.enterEpoch({ epoch: 1, primary: 'alpha' });
    void mirror.serve(1).catch(() => undefined);
    // The request is on its way.
    await new Promise(setImmediate);
    mirror.destroy();
    // Nothing of what the process says is heard before it serves, has said so, and has ended.
    waitAsleep(() => mountAt(host.directory) !== null);
    expect(fs.readdirSync(host.directory)).toEqual([]);
    process.kill(below, 'SIGKILL');
    waitAsleep(() => hasEnded(below));
    await over;
    expect(seen).not.toContain('tookOver');
    expect(await new GuestProgram('ls "$1"', host.directory).end()).toMatch(/not connected|connection abort/);
  }, 40_000);
});

/** Waits without letting this program do anything else. */
function waitAsleep(until: () => boolean): void {
  const asleep = new Int32Array(new SharedArrayBuffer(4));
  for (const limit = Date.now() + 20_000; !until() && Date.now() < limit;) Atomics.wait(asleep, 0, 0, 5);
  expect(until()).toBe(true);
}

function hasEnded(pid: number): boolean {
  try {
    return /^State:\s+[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}
