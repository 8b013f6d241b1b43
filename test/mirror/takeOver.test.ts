import { describe, expect, it } from 'vitest';
import { Random } from '../simulation/random.ts';
import { BusyPair, pause } from './busyPair.ts';
import { GuestProgram } from './guestProgram.ts';

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
      await pair.join(pair.alpha, pair.beta);
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
