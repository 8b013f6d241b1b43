import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe as suite, expect, test } from 'vitest';
import { errnos } from '../../agent/platform/libc.ts';
import { cleanUp } from '../support/cleanUp.ts';
import { BusyGuest } from './busyGuest.ts';
import { FaultDisk } from './faultDisk.ts';
import { GuestProgram } from './guestProgram.ts';
import { Pair, settle } from './pairHarness.ts';
import { WireProxy } from './wireProxy.ts';

const cleanups: (() => unknown)[] = [];
afterEach(() => cleanUp(cleanups.splice(0).reverse()));

const MEBIBYTE = 1 << 20;
const ACKNOWLEDGE_MS = 3000;
const durableWrite = 'dd if=/dev/urandom of="$1" bs=4k count=4 conv=notrunc,fsync status=none && echo durable';

/** Each of a few files is written durably again and again. */
const durableWrites =
  'i=0; while [ ! -e "$1/stop" ]; do dd if=/dev/urandom of="$1/file$((i % 7))" bs=8k count=1 seek=$((i % 50)) conv=notrunc,fsync status=none || exit 1; i=$((i+1)); echo $i; done; echo ended well';

async function goesOn(guest: GuestProgram): Promise<void> {
  const before = guest.output.length;
  await expect.poll(() => guest.ended || guest.output.length > before + 20, { timeout: 30_000 }).toBe(true);
  expect(guest.ended).toBe(false);
}

function keep<T extends { kill(): void }>(guest: T): T {
  cleanups.push(() => guest.kill());
  return guest;
}

/** A pair whose secondary has a disk that fails when it is told to; alpha serves. */
async function pairOnFaultDisk(): Promise<{ pair: Pair; disk: FaultDisk }> {
  const disk = await FaultDisk.make(64);
  cleanups.push(() => disk.remove());
  const directory = path.join(disk.mountPoint, 'data');
  const pair = await new Pair({ both: { acknowledgeTimeoutMs: ACKNOWLEDGE_MS }, beta: { directory } }).open();
  cleanups.push(() => pair.remove());
  await pair.serve(pair.alpha);
  return { pair, disk };
}

suite('two faults at once', () => {
  test("the secondary's disk is slow, and the primary's mirror process is killed: programs only wait", async () => {
    const { pair, disk } = await pairOnFaultDisk();
    const { alpha, beta } = pair;
    await pair.join(alpha, beta);
    const guest = keep(new GuestProgram(durableWrites, alpha.directory));
    await goesOn(guest);
    await disk.order({ do: 'slow', ms: 20 });
    await goesOn(guest);
    const from = alpha.seen.length;
    process.kill(alpha.mirror.pid ?? -1, 'SIGKILL');
    await alpha.event('peerLost', from);
    await pair.goAlone(alpha);
    await alpha.event('tookOver', from);
    await goesOn(guest);
    // The resync goes through the slow disk, too.
    await pair.join(alpha, beta, 60_000);
    await disk.order({ do: 'slow', ms: 0 });
    await goesOn(guest);
    fs.writeFileSync(path.join(alpha.directory, 'stop'), '');
    expect(await guest.end()).toMatch(/ended well\n$/);
    await alpha.mirror.release();
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test("the secondary's disk is full in the middle of a resync: it is lost with the reason, and taken in when there is room", async () => {
    const { pair, disk } = await pairOnFaultDisk();
    const { alpha, beta } = pair;
    fs.writeFileSync(path.join(alpha.directory, 'image'), Buffer.alloc(24 * MEBIBYTE, 'content '), { flush: true });
    const ballast = path.join(disk.mountPoint, 'ballast');
    fs.writeFileSync(ballast, Buffer.alloc(40 * MEBIBYTE), { flush: true });
    const guest = keep(new BusyGuest(alpha.directory, 'one'));
    await guest.goesOn();
    const from = await pair.attach(alpha, beta);
    expect((await alpha.event('peerLost', from)).reason).toMatch(/ENOSPC/);
    // Nobody waits for a secondary that was not in step.
    await guest.goesOn();
    expect(alpha.seen.slice(from).filter(({ type }) => type === 'inStep')).toEqual([]);
    fs.rmSync(ballast);
    await pair.join(alpha, beta, 60_000);
    expect(await guest.end()).toContain('ended well');
    await alpha.mirror.release();
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test('the network falls silent in the middle of a verify: it is told as not complete, and the next one is', async () => {
    const pair = await new Pair({ both: { acknowledgeTimeoutMs: ACKNOWLEDGE_MS } }).open();
    cleanups.push(() => pair.remove());
    const { alpha, beta } = pair;
    await pair.serve(alpha);
    fs.writeFileSync(path.join(alpha.directory, 'image'), Buffer.alloc(32 * MEBIBYTE, 'content '), { flush: true });
    const guest = keep(new BusyGuest(alpha.directory, 'one'));
    await guest.goesOn();
    const endpoint = await beta.mirror.follow('127.0.0.1', pair.epoch);
    const proxy = await WireProxy.start(endpoint.port);
    cleanups.push(() => proxy.stop());
    const from = alpha.seen.length;
    await alpha.mirror.attach('127.0.0.1', { ...endpoint, port: proxy.port }, pair.epoch);
    await alpha.event('inStep', from);
    await alpha.mirror.onPeerLoss('hold');
    await alpha.mirror.verify(4 * MEBIBYTE);
    await alpha.event('verify', from, 30_000, ({ progress }) => progress.checked > 0);
    proxy.fallSilent();
    expect((await alpha.event('peerLost', from)).reason).toMatch(/no acknowledgement|a flush was not carried out/);
    await pair.goAlone(alpha);
    expect((await alpha.event('verified', from)).report).toMatchObject({ outcome: 'incomplete', total: 0 });
    await guest.goesOn();
    const again = alpha.seen.length;
    await pair.join(alpha, beta);
    await alpha.mirror.verify(null);
    expect((await alpha.event('verified', again)).report).toMatchObject({ outcome: 'complete', total: 0 });
    expect(await guest.end()).toContain('ended well');
  });

  test("the primary loses its power while the secondary's disk fails: what was durable is there, and nothing else was called so", async () => {
    const { pair, disk } = await pairOnFaultDisk();
    const { alpha, beta } = pair;
    await pair.join(alpha, beta);
    const before = keep(new GuestProgram(durableWrite, path.join(alpha.directory, 'before')));
    expect(await before.end()).toBe('durable\n');
    const content = fs.readFileSync(path.join(alpha.directory, 'before'));
    const from = alpha.seen.length;
    await disk.order({ do: 'fail', errno: errnos.EIO });
    const held = keep(new GuestProgram(durableWrite, path.join(alpha.directory, 'held')));
    await alpha.event('peerLost', from);
    // Nobody has recorded alpha alone: the write is not acknowledged, and alpha is gone.
    expect(await held.waits(300)).toBe(true);
    await alpha.crash();
    expect(await held.end()).not.toContain('durable');
    expect((await beta.mirror.record()).diskError).toMatchObject({
      code: expect.stringMatching(/EIO|EROFS/) as string,
    });

    // The disk is replaced by itself: a file system that has failed is mounted anew.
    await beta.crash();
    await disk.order({ do: 'fail', errno: null });
    await disk.powerLoss(1, () => Promise.resolve());
    await disk.powerOn();
    await beta.open();
    await alpha.open();
    await pair.serve(alpha);
    expect(fs.readFileSync(path.join(alpha.directory, 'before')).equals(content)).toBe(true);
    await pair.join(alpha, beta);
    expect((await beta.mirror.record()).diskError).toBeNull();
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
    expect(fs.readFileSync(path.join(beta.directory, 'before')).equals(content)).toBe(true);
  });
});
