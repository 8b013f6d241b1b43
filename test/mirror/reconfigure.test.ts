import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe as suite, expect, test, vi } from 'vitest';
import type { MirrorSettings } from '../../agent/mirror/mirror.ts';
import { keepsAwake, powerManagement } from './awakeProcess.ts';
import { BusyGuest } from './busyGuest.ts';
import { GuestProgram } from './guestProgram.ts';
import { Pair, settle, type TestHost } from './pairHarness.ts';

const { O_CREAT, O_DIRECT, O_RDWR } = fs.constants;
const MIB = 1 << 20;

let pair: Pair;
const guests: { kill(): void }[] = [];
afterEach(async () => {
  for (const guest of guests.splice(0)) guest.kill();
  await pair.remove();
});

function keep<T extends { kill(): void }>(guest: T): T {
  guests.push(guest);
  return guest;
}

/** The module's file says another thing on one of the hosts. */
async function reconfigure(host: TestHost, changed: Partial<MirrorSettings>): Promise<void> {
  const { acknowledgeTimeoutMs, directIo, processors, resyncUndo } = host.options;
  await host.mirror.reconfigure({ acknowledgeTimeoutMs, directIo, processors, resyncUndo, ...changed });
}

async function inStep(both: Partial<MirrorSettings> = {}): Promise<Pair> {
  pair = await new Pair({ both }).open();
  await pair.serve(pair.alpha);
  await pair.join(pair.alpha, pair.beta);
  return pair;
}

const signal = (host: TestHost, name: NodeJS.Signals) => process.kill(host.mirror.pid ?? 0, name);
const little = 'echo x > "$1/a" && echo written';
/** More than fits into a connection that nobody reads from: the system counts then, too. */
const much =
  'for i in $(seq 24); do dd if=/dev/urandom of="$1/a$i" bs=1M count=1 status=none || exit 1 & done; wait && echo written';
const writing = (host: TestHost, script = little) => keep(new GuestProgram(script, host.directory));

/** Nothing was stopped, lost or started anew for it. */
function expectUndisturbed(host: TestHost, from: number, pid: number | undefined): void {
  expect(host.mirror.pid).toBe(pid);
  expect(host.seen.slice(from).filter(({ type }) => !['stats', 'record', 'resync'].includes(type))).toEqual([]);
}

suite('another time for an acknowledgement', () => {
  test.each([
    ['a small write', little],
    ['more than the connection holds', much],
  ])('that is longer spares a secondary that is waited for (%s)', async (_, script) => {
    const { alpha, beta } = await inStep({ acknowledgeTimeoutMs: 1500 });
    const [from, { pid }] = [alpha.seen.length, alpha.mirror];
    signal(beta, 'SIGSTOP');
    const write = writing(alpha, script);
    expect(await write.waits(700)).toBe(true);
    await reconfigure(alpha, { acknowledgeTimeoutMs: 20_000 });
    expect(await write.waits(4000)).toBe(true);
    expectUndisturbed(alpha, from, pid);
    signal(beta, 'SIGCONT');
    expect(await write.end()).toBe('written\n');
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
    expectUndisturbed(alpha, from, pid);
  });

  test('that is shorter ends a wait at once, past what waits for the same secondary', async () => {
    const { alpha, beta } = await inStep({ acknowledgeTimeoutMs: 60_000 });
    const { pid } = alpha.mirror;
    signal(beta, 'SIGSTOP');
    const write = writing(alpha);
    const entered = alpha.mirror.enterEpoch({ epoch: ++pair.epoch, primary: alpha.name });
    expect(await write.waits(1200)).toBe(true);
    const from = alpha.seen.length;
    await reconfigure(alpha, { acknowledgeTimeoutMs: 1000 });
    const { reason } = await alpha.event('peerLost', from, 3000);
    expect(reason).toMatch(/no acknowledgement for [12]\.\d s/);
    await entered;
    await pair.goAlone(alpha);
    expect(await write.end()).toBe('written\n');
    expect(alpha.mirror.pid).toBe(pid);
    signal(beta, 'SIGCONT');
  });

  test('holds for a process that takes over, and for a secondary that becomes primary', async () => {
    const { alpha, beta } = await inStep({ acknowledgeTimeoutMs: 60_000 });
    for (const host of [alpha, beta]) await reconfigure(host, { acknowledgeTimeoutMs: 1000 });
    const renewed = alpha.seen.length;
    await alpha.mirror.renew();
    await alpha.event('peerLost', renewed);
    await pair.goAlone(alpha);
    await pair.join(alpha, beta);
    for (const [primary, other] of [
      [alpha, beta],
      [beta, alpha],
    ] as const) {
      if (primary === beta) {
        await alpha.mirror.abort();
        await pair.serve(beta);
        await pair.join(beta, alpha);
      }
      const from = primary.seen.length;
      signal(other, 'SIGSTOP');
      const write = writing(primary);
      expect((await primary.event('peerLost', from, 4000)).reason).toMatch(/for 1\.\d s/);
      signal(other, 'SIGCONT');
      await pair.goAlone(primary);
      expect(await write.end()).toBe('written\n');
      if (primary === alpha) await pair.join(alpha, beta);
    }
  });

  test('is nothing to a mirror whose process is gone', async () => {
    const { alpha } = await inStep();
    const { mirror } = alpha;
    await alpha.crash();
    await expect(mirror.reconfigure({ ...alpha.options, acknowledgeTimeoutMs: 1000 })).rejects.toMatchObject({
      code: 'process-gone',
    });
  });
});

suite.skipIf(!powerManagement)('what the mirror asks of the processors', () => {
  test('is another thing on both hosts while a guest is busy', async () => {
    const { alpha, beta } = await inStep();
    keep(new BusyGuest(alpha.directory, 'one'));
    const [from, pids] = [alpha.seen.length, [alpha, beta].map(({ mirror }) => mirror.pid)];
    const become = (awake: boolean) =>
      vi.waitUntil(() => pids.every((pid) => keepsAwake(pid) === awake), { timeout: 10_000, interval: 5 });
    await become(true);
    for (const host of [alpha, beta]) await reconfigure(host, { processors: 'sleep' });
    await become(false);
    // It stays so, however busy they are.
    for (let look = 0; look < 40; look++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(pids.some(keepsAwake)).toBe(false);
    }
    for (const host of [alpha, beta]) await reconfigure(host, { processors: 'awake' });
    await become(true);
    expectUndisturbed(alpha, from, pids[0]);
  });
});

/** Beta follows again after it was away, its content is another, and the resync into it has changed something. */
async function resyncing(beta: Partial<MirrorSettings>): Promise<number> {
  pair = new Pair({ beta });
  const { alpha } = pair;
  const image = path.join(alpha.directory, 'image');
  fs.writeFileSync(image, Buffer.alloc(32 * MIB, 'before'));
  await pair.open();
  await pair.serve(alpha);
  await pair.join(alpha, pair.beta);
  await pair.beta.mirror.release();
  await alpha.event('peerLost');
  await pair.goAlone(alpha);
  fs.writeFileSync(image, Buffer.alloc(32 * MIB, 'after'));
  await alpha.mirror.paceResync({ paused: false, bandwidth: 8 * MIB });
  const from = await pair.attach(alpha, pair.beta);
  await alpha.event('resync', from, 30_000, ({ progress }) => progress.content > MIB);
  return from;
}

suite('how much of a secondary is kept during a resync', () => {
  test('may become more while it goes on', async () => {
    const from = await resyncing({ resyncUndo: 20 * MIB });
    const { alpha, beta } = pair;
    const { pid } = beta.mirror;
    await reconfigure(beta, { resyncUndo: null });
    await alpha.event('resync', from, 30_000, ({ progress }) => progress.content > 24 * MIB);
    expect(await beta.mirror.record()).toMatchObject({ consistent: false, restorable: true });
    await alpha.event('inStep', from);
    expect(beta.seen.filter(({ type }) => type === 'undoGivenUp')).toEqual([]);
    expect(beta.mirror.pid).toBe(pid);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });

  test('may become nothing, which gives up what was kept, and the resync goes on', async () => {
    const from = await resyncing({});
    const { alpha, beta } = pair;
    expect(await beta.mirror.record()).toMatchObject({ consistent: false, restorable: true });
    await reconfigure(beta, { resyncUndo: 0 });
    const { reason } = await beta.event('undoGivenUp');
    expect(reason).toBe("the module's file says so now");
    expect(await beta.mirror.record()).toMatchObject({ consistent: false, restorable: false });
    await vi.waitUntil(() => !fs.existsSync(path.join(beta.options.stateDirectory, 'undo')));
    await alpha.event('inStep', from);
    expect(alpha.seen.slice(from).filter(({ type }) => type === 'peerLost')).toEqual([]);
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });
});

/** What direct I/O of a length that no disk can do is answered with. */
function oddDirectWrite(fd: number): string {
  try {
    return `${fs.writeSync(fd, Buffer.alloc(100, 1), 0, 100, 0)} bytes`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '?';
  }
}

test('direct I/O becomes another for files that are opened from then on, also when another process takes over', async () => {
  const { alpha, beta } = await inStep({ directIo: 'cache' });
  const opened: number[] = [];
  const open = (file: string) => {
    const fd = fs.openSync(file, O_CREAT | O_RDWR | O_DIRECT, 0o644);
    opened.push(fd);
    return fd;
  };
  const inMirror = (name: string) => open(path.join(alpha.directory, name));
  try {
    const asDisk = oddDirectWrite(open(path.join(alpha.base, 'plain')));
    const first = inMirror('first');
    const [from, { pid }] = [alpha.seen.length, alpha.mirror];
    await reconfigure(alpha, { directIo: 'disk' });
    const second = inMirror('second');
    expect([first, second].map(oddDirectWrite)).toEqual(['100 bytes', asDisk]);
    expectUndisturbed(alpha, from, pid);

    // It goes on by what the file says now, not by what it said when the mirror was opened.
    await alpha.mirror.renew();
    await pair.goAlone(alpha);
    await pair.join(alpha, beta);
    const third = inMirror('third');
    expect([first, second, third].map(oddDirectWrite)).toEqual(['100 bytes', asDisk, asDisk]);
    await reconfigure(alpha, { directIo: 'cache' });
    const fourth = inMirror('first');
    expect([first, second, third, fourth].map(oddDirectWrite)).toEqual(['100 bytes', asDisk, asDisk, '100 bytes']);
  } finally {
    for (const fd of opened) fs.closeSync(fd);
  }
  expect(await settle(alpha.directory, beta.directory)).toEqual([]);
});
