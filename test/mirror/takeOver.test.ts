import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Random } from '../simulation/random.ts';
import { BusyGuest } from './busyGuest.ts';
import { GuestProgram } from './guestProgram.ts';
import { Pair, settle } from './pairHarness.ts';

const GUESTS = ['one', 'two', 'three'];
let pair: Pair;
const guests: { kill(): void }[] = [];

const start = (name: string): BusyGuest => {
  const guest = new BusyGuest(pair.alpha.directory, name);
  guests.push(guest);
  return guest;
};

/** Kills the process that serves; returns how long it took until another one did. */
async function killMirror(): Promise<number> {
  const from = pair.alpha.seen.length;
  process.kill(pair.alpha.mirror.pid ?? 0, 'SIGKILL');
  return (await pair.alpha.event('tookOver', from)).durationMs;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

afterEach(async () => {
  for (const guest of guests.splice(0)) guest.kill();
  await pair.remove();
});

describe('kill -9 of the mirror process that serves', () => {
  it('alone: programs wait, and nothing fails or happens twice', async () => {
    pair = await new Pair().open();
    await pair.serve(pair.alpha);
    const random = new Random(7);
    const busy = GUESTS.map(start);
    for (const guest of busy) await guest.goesOn();
    for (let kill = 0; kill < 4; kill++) {
      await pause(random.between(0, 300));
      await killMirror();
      for (const guest of busy) await guest.goesOn();
    }
    for (const guest of busy) expect(await guest.end()).toContain('ended well');
    expect(Math.max(...busy.map((guest) => guest.slowest))).toBeLessThan(5000);
    expect(pair.alpha.seen.filter(({ type }) => type === 'failed')).toEqual([]);
    await pair.join(pair.alpha, pair.beta);
    await pair.alpha.mirror.release();
    expect(await settle(pair.alpha.directory, pair.beta.directory)).toEqual([]);
  }, 60_000);

  it('with a follower: what it had promised is held until the arbiter has spoken, then both become equal again', async () => {
    pair = await new Pair().open();
    await pair.serve(pair.alpha);
    await pair.join(pair.alpha, pair.beta);
    const random = new Random(11);
    const busy = GUESTS.map(start);
    for (const guest of busy) await guest.goesOn();
    for (let kill = 0; kill < 3; kill++) {
      await pause(random.between(0, 300));
      const from = pair.alpha.seen.length;
      await killMirror();
      await pair.alpha.event('peerLost', from);
      await pause(200);
      const held = busy.map((guest) => guest.rounds);
      await pause(200);
      expect(busy.map((guest) => guest.rounds)).toEqual(held);
      await pair.goAlone(pair.alpha);
      for (const guest of busy) await guest.goesOn();
      await pair.join(pair.alpha, pair.beta);
      for (const guest of busy) await guest.goesOn();
    }
    for (const guest of busy) expect(await guest.end()).toContain('ended well');
    await pair.alpha.mirror.release();
    expect(await settle(pair.alpha.directory, pair.beta.directory)).toEqual([]);
  }, 90_000);

  it('a lock stays taken, a removed file stays readable, and a frozen mirror stays frozen', async () => {
    pair = await new Pair().open();
    await pair.serve(pair.alpha);
    const holder = new GuestProgram(
      'cd "$1"; exec 9>lock; flock 9; echo kept >removed; exec 8<removed; rm removed; echo ready; while [ ! -e go ]; do sleep 0.05; done; cat <&8',
      pair.alpha.directory,
    );
    guests.push(holder);
    while (!holder.output.includes('ready')) await pause(20);
    await killMirror();
    const second = new GuestProgram('flock -n "$1/lock" true || echo taken', pair.alpha.directory);
    expect(await second.end()).toContain('taken');
    await pair.alpha.mirror.freeze();
    await killMirror();
    const writer = new GuestProgram('echo new >"$1/go"; echo done', pair.alpha.directory);
    guests.push(writer);
    expect(await writer.waits()).toBe(true);
    await pair.alpha.mirror.thaw();
    expect(await writer.end()).toContain('done');
    expect(await holder.end()).toContain('kept');
    expect(fs.existsSync(path.join(pair.alpha.directory, 'removed'))).toBe(false);
  }, 40_000);

  it('is given up when no process can take over: whoever waits gets an error', async () => {
    pair = await new Pair().open();
    await pair.serve(pair.alpha);
    const from = pair.alpha.seen.length;
    pair.alpha.mirror.destroy();
    await pair.alpha.event('failed', from);
    const reader = new GuestProgram('ls "$1"', pair.alpha.directory);
    expect(await reader.end()).toMatch(/not connected|connection abort/);
  }, 30_000);
});
