import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { MirrorController } from '../../agent/mirror/controller.ts';
import { Random } from '../simulation/random.ts';
import { BusyPair, pause } from './busyPair.ts';
import { GuestProgram } from './guestProgram.ts';
import { mirrorBundle, type TestHost } from './pairHarness.ts';

const used = new BusyPair();

/** A program that answers the first question of whoever prepares it, and does nothing else. */
const answering = (answer: unknown) => `import { Socket } from 'node:net';
const socket = new Socket({ fd: 3, readable: true, writable: true });
socket.on('data', (text) => socket.write(JSON.stringify({ id: JSON.parse(text).id, ...${JSON.stringify(answer)} }) + '\\n'));
socket.on('close', () => process.exit(0));
`;

describe('a mirror process that is renewed while it serves', () => {
  it('alone: programs wait for a moment, and nothing fails or happens twice', async () => {
    const pair = await used.serve();
    const random = new Random(5);
    const busy = await used.start(['one', 'two', 'three']);
    const before = new Set([pair.alpha.mirror.pid]);
    for (let turn = 1; turn <= 4; turn++) {
      await pause(random.between(0, 300));
      await pair.alpha.mirror.renew();
      before.add(pair.alpha.mirror.pid);
      expect(before.size).toBe(turn + 1);
      for (const guest of busy) await guest.goesOn();
    }
    await used.end(busy);
    const pauses = pair.alpha.seen.flatMap((event) => (event.type === 'tookOver' ? [event] : []));
    expect(pauses.map(({ asked }) => asked)).toEqual([true, true, true, true]);
    expect(Math.max(...busy.map((guest) => guest.slowest))).toBeLessThan(5000);
    await pair.join(pair.alpha, pair.beta);
    await used.expectEqualReplicas();
  }, 60_000);

  it('with a follower: what was promised is held until the arbiter has spoken, then both become equal by their marks', async () => {
    const pair = await used.serve();
    await pair.join(pair.alpha, pair.beta);
    const busy = await used.start(['one', 'two']);
    for (let turn = 0; turn < 2; turn++) {
      await used.expectHeldUntilAlone(busy, () => pair.alpha.mirror.renew());
      expect((await pair.join(pair.alpha, pair.beta)).progress.kind).toBe('delta');
      for (const guest of busy) await guest.goesOn();
    }
    await used.end(busy);
    await used.expectEqualReplicas();
  }, 60_000);

  it('keeps locks, removed files that are open, and what was asked of it meanwhile', async () => {
    const pair = await used.serve();
    const { mirror } = pair.alpha;
    await used.expectHoldingOn(
      () => mirror.renew(),
      async () => {
        const renewed = mirror.renew().catch((error: unknown) => error);
        await pause(100);
        // Asked in the middle of it: it holds whoever serves then.
        await mirror.freeze();
        expect([undefined, 'busy']).toContain(((await renewed) as { code?: string } | undefined)?.code);
      },
    );
  }, 40_000);

  it('goes on with the next one when it dies in the middle of it', async () => {
    const pair = await used.serve();
    const busy = await used.start(['one', 'two']);
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
    await used.end(busy);
    expect(pair.alpha.seen.filter(({ type }) => type === 'failed')).toEqual([]);
  }, 60_000);
});

describe('a mirror process that cannot be renewed', () => {
  /** A mirror whose program can be replaced on disk. */
  async function withOwnProgram(): Promise<{ mirror: MirrorController; program: string; host: TestHost }> {
    const host = used.create().alpha;
    const original = path.dirname(await mirrorBundle());
    const folder = fs.mkdtempSync(path.join(path.dirname(original), 'mirror-replaced-'));
    fs.cpSync(original, folder, { recursive: true });
    const program = path.join(folder, 'mirror.mjs');
    const mirror = await MirrorController.open(host.options, { bundle: program, onLog: () => undefined });
    used.keep({ kill: () => fs.rmSync(folder, { recursive: true, force: true }) });
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
    const pair = await used.create().open();
    await expect(pair.alpha.mirror.renew()).rejects.toMatchObject({ code: 'not-resumable' });
    await pair.serve(pair.alpha);
    await new GuestProgram('ls "$1"', pair.alpha.directory).end();
    await pair.alpha.mirror.freeze();
    await expect(pair.alpha.mirror.renew()).rejects.toMatchObject({ code: 'busy' });
    await pair.alpha.mirror.thaw();
    await pair.alpha.mirror.renew();
  }, 30_000);
});
