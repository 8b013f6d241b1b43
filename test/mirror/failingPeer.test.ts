import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe as suite, expect, test } from 'vitest';
import { errnos } from '../../agent/platform/libc.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { FaultDisk } from './faultDisk.ts';
import { GuestProgram } from './guestProgram.ts';
import { Pair, settle } from './pairHarness.ts';

const cleanups: (() => unknown)[] = [];
afterEach(() => cleanUp(cleanups.splice(0).reverse()));

function program(script: string, ...args: string[]): GuestProgram {
  const started = new GuestProgram(script, ...args);
  cleanups.push(() => started.kill());
  return started;
}

const durableWrite = 'dd if=/dev/zero of="$1" bs=4k count=1 conv=notrunc,fsync 2>/dev/null && echo durable';

suite('a secondary of which', () => {
  test('the process is killed is noticed at once, while the guest is idle, too', async () => {
    const pair = await new Pair({ both: { acknowledgeTimeoutMs: 10_000 } }).open();
    cleanups.push(() => pair.remove());
    await pair.serve(pair.alpha);
    await pair.join(pair.alpha, pair.beta);
    const before = Date.now();
    process.kill(pair.beta.mirror.pid ?? -1, 'SIGKILL');
    await pair.alpha.event('peerLost');
    // Half of what it may be silent for.
    expect(Date.now() - before).toBeLessThan(5000);
  });

  test('the disk fails is lost with the reason, the guest goes on, and it returns when it is cured', async () => {
    const disk = await FaultDisk.make(64);
    cleanups.push(() => disk.remove());
    const directory = path.join(disk.mountPoint, 'data');
    const pair = await new Pair({ both: { acknowledgeTimeoutMs: 10_000 }, beta: { directory } }).open();
    cleanups.push(() => pair.remove());
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    await pair.join(alpha, beta);
    const from = alpha.seen.length;
    await disk.order({ do: 'fail', errno: errnos.EIO });
    const write = program(durableWrite, path.join(alpha.directory, 'a'));
    expect((await alpha.event('peerLost', from)).reason).toMatch(/EIO|EROFS/);
    // Nothing is called durable before the arbiter knows.
    expect(write.output).toBe('');
    await pair.goAlone(alpha);
    expect(await write.end()).toBe('durable\n');

    await disk.order({ do: 'fail', errno: null });
    await disk.powerLoss(1, () => beta.crash());
    await disk.powerOn();
    await beta.open();
    await pair.join(alpha, beta);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
    expect(fs.statSync(path.join(beta.directory, 'a')).size).toBe(4096);
  });
});
