import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { MirrorController } from '../../agent/mirror/controller.ts';
import { Random } from '../simulation/random.ts';
import { BusyGuest } from './busyGuest.ts';
import { GuestProgram } from './guestProgram.ts';
import { mirrorBundle, Pair, settle, type TestHost } from './pairHarness.ts';

let pair: Pair;
const guests: { kill(): void }[] = [];

const start = (name: string): BusyGuest => {
  const guest = new BusyGuest(pair.alpha.directory, name);
  guests.push(guest);
  return guest;
};

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A program that answers the first question of whoever prepares it, and does nothing else. */
const answering = (answer: unknown) => `import { Socket } from 'node:net';
const socket = new Socket({ fd: 3, readable: true, writable: true });
socket.on('data', (text) => socket.write(JSON.stringify({ id: JSON.parse(text).id, ...${JSON.stringify(answer)} }) + '\\n'));
socket.on('close', () => process.exit(0));
`;

afterEach(async () => {
  for (const guest of guests.splice(0)) guest.kill();
  await pair.remove();
});

describe('a mirror process that is renewed while it serves', () => {
  it('alone: programs wait for a moment, and nothing fails or happens twice', async () => {
    pair = await new Pair().open();
    await pair.serve(pair.alpha);
    const random = new Random(5);
    const busy = ['one', 'two', 'three'].map(start);
    for (const guest of busy) await guest.goesOn();
    const before = new Set([pair.alpha.mirror.pid]);
    for (let turn = 1; turn <= 4; turn++) {
      await pause(random.between(0, 300));
      await pair.alpha.mirror.renew();
      before.add(pair.alpha.mirror.pid);
      expect(before.size).toBe(turn + 1);
      for (const guest of busy) await guest.goesOn();
    }
    for (const guest of busy) expect(await guest.end()).toContain('ended well');
    const pauses = pair.alpha.seen.flatMap((event) => (event.type === 'tookOver' ? [event] : []));
    expect(pauses.map(({ asked }) => asked)).toEqual([true, true, true, true]);
    expect(Math.max(...busy.map((guest) => guest.slowest))).toBeLessThan(5000);
    await pair.join(pair.alpha, pair.beta);
    await pair.alpha.mirror.release();
    expect(await settle(pair.alpha.directory, pair.beta.directory)).toEqual([]);
  }, 60_000);

  it('with a follower: what was promised is held until the arbiter has spoken, then both become equal by their marks', async () => {
    pair = await new Pair().open();
    await pair.serve(pair.alpha);
    await pair.join(pair.alpha, pair.beta);
    const busy = ['one', 'two'].map(start);
    for (const guest of busy) await guest.goesOn();
    for (let turn = 0; turn < 2; turn++) {
      const from = pair.alpha.seen.length;
      await pair.alpha.mirror.renew();
      await pair.alpha.event('peerLost', from);
      await pause(200);
      const held = busy.map((guest) => guest.rounds);
      await pause(200);
      expect(busy.map((guest) => guest.rounds)).toEqual(held);
      await pair.goAlone(pair.alpha);
      for (const guest of busy) await guest.goesOn();
      expect((await pair.join(pair.alpha, pair.beta)).progress.kind).toBe('delta');
      for (const guest of busy) await guest.goesOn();
    }
    for (const guest of busy) expect(await guest.end()).toContain('ended well');
    await pair.alpha.mirror.release();
    expect(await settle(pair.alpha.directory, pair.beta.directory)).toEqual([]);
  }, 60_000);

  it('keeps locks, removed files that are open, and what was asked of it meanwhile', async () => {
    pair = await new Pair().open();
    await pair.serve(pair.alpha);
    const holder = new GuestProgram(
      'cd "$1"; exec 9>lock; flock 9; echo kept >removed; exec 8<removed; rm removed; echo ready; while [ ! -e go ]; do sleep 0.05; done; cat <&8',
      pair.alpha.directory,
    );
    guests.push(holder);
    while (!holder.output.includes('ready')) await pause(20);
    await pair.alpha.mirror.renew();
    const second = new GuestProgram('flock -n "$1/lock" true || echo taken', pair.alpha.directory);
    expect(await second.end()).toContain('taken');
    const renewed = pair.alpha.mirror.renew().catch((error: unknown) => error);
    await pause(100);
    // Asked in the middle of it: it holds whoever serves then.
    await pair.alpha.mirror.freeze();
    expect([undefined, 'busy']).toContain(((await renewed) as { code?: string } | undefined)?.code);
    const writer = new GuestProgram('echo new >"$1/go"; echo done', pair.alpha.directory);
    guests.push(writer);
    expect(await writer.waits()).toBe(true);
    await pair.alpha.mirror.thaw();
    expect(await writer.end()).toContain('done');
    expect(await holder.end()).toContain('kept');
  }, 40_000);

  it('goes on with the next one when it dies in the middle of it', async () => {
    pair = await new Pair().open();
    await pair.serve(pair.alpha);
    const busy = ['one', 'two'].map(start);
    for (const guest of busy) await guest.goesOn();
    for (const ms of [0, 60, 120, 180]) {
      const pid = pair.alpha.mirror.pid ?? 0;
      const renewed = pair.alpha.mirror.renew().catch((error: unknown) => error);
      await pause(ms);
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It had left already.
      }
      await renewed;
      for (const guest of busy) await guest.goesOn();
    }
    for (const guest of busy) expect(await guest.end()).toContain('ended well');
    expect(pair.alpha.seen.filter(({ type }) => type === 'failed')).toEqual([]);
  }, 60_000);
});

describe('a mirror process that cannot be renewed', () => {
  /** A mirror whose program can be replaced on disk. */
  async function withOwnProgram(): Promise<{ mirror: MirrorController; program: string; host: TestHost }> {
    pair = new Pair();
    const host = pair.alpha;
    const original = path.dirname(await mirrorBundle());
    const folder = fs.mkdtempSync(path.join(path.dirname(original), 'mirror-replaced-'));
    fs.cpSync(original, folder, { recursive: true });
    const program = path.join(folder, 'mirror.mjs');
    const mirror = await MirrorController.open(host.options, { bundle: program, onLog: () => undefined });
    guests.push({ kill: () => fs.rmSync(folder, { recursive: true, force: true }) });
    await mirror.enterEpoch({ epoch: 1, primary: host.name });
    await mirror.serve(1);
    // With its first request the kernel has told what it can.
    await new GuestProgram('ls "$1"', host.directory).end();
    return { mirror, program, host };
  }

  it.each([
    ['takes over another version', answering({ result: 99 }), 'other-version', /version 99/],
    ['knows nothing of it', answering({ error: { code: 'x', message: 'never heard' } }), 'x', /never heard/],
    ['does not start', 'process.exit(7);', 'not-started', /ended with code 7/],
  ])(
    'as the program on disk %s: the old one serves on',
    async (_what, text, code, message) => {
      const { mirror, program, host } = await withOwnProgram();
      const { pid } = mirror;
      fs.writeFileSync(program, text);
      const refused = await mirror.renew().catch((error: unknown) => error);
      expect(refused).toMatchObject({ code, message: expect.stringMatching(message) as string });
      expect(mirror.pid).toBe(pid);
      const writer = new GuestProgram('echo new >"$1/file"; cat "$1/file"', host.directory);
      expect(await writer.end()).toContain('new');
      await mirror.release();
      await mirror.close();
    },
    30_000,
  );

  it('as it does not serve, or is frozen', async () => {
    pair = await new Pair().open();
    await expect(pair.alpha.mirror.renew()).rejects.toMatchObject({ code: 'not-resumable' });
    await pair.serve(pair.alpha);
    await new GuestProgram('ls "$1"', pair.alpha.directory).end();
    await pair.alpha.mirror.freeze();
    await expect(pair.alpha.mirror.renew()).rejects.toMatchObject({ code: 'busy' });
    await pair.alpha.mirror.thaw();
    await pair.alpha.mirror.renew();
  }, 30_000);
});
