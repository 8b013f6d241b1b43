import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe as suite, expect, test } from 'vitest';
import { cleanUp } from '../support/cleanUp.ts';
import { GuestProgram } from './guestProgram.ts';
import { Pair, settle } from './pairHarness.ts';
import { WireProxy } from './wireProxy.ts';

const ACKNOWLEDGE_MS = 3000;
/** Whichever of the two was asked for first. */
const silence = /no acknowledgement for|a flush was not carried out for/;

let pair: Pair;
let proxy: WireProxy;
let program: GuestProgram | null = null;
const file = (name: string) => path.join(pair.alpha.directory, name);

/** The pair is in step, its connection through the proxy. */
async function joinThroughProxy(): Promise<void> {
  const { alpha, beta } = pair;
  const endpoint = await beta.mirror.follow('127.0.0.1', pair.epoch);
  proxy = await WireProxy.start(endpoint.port);
  const from = alpha.seen.length;
  await alpha.mirror.attach('127.0.0.1', { ...endpoint, port: proxy.port }, pair.epoch);
  await alpha.event('inStep', from);
  await alpha.mirror.onPeerLoss('hold');
  pair.epoch++;
  await alpha.mirror.enterEpoch({ epoch: pair.epoch, primary: 'alpha' });
}

/** A program that writes durably all the time. */
const busy = () =>
  (program = new GuestProgram(
    'i=0; while [ ! -e "$1/stop" ]; do dd if=/dev/urandom of="$1/file$((i % 7))" bs=8k count=1 seek=$((i % 50)) conv=notrunc,fsync 2>/dev/null || exit 1; i=$((i+1)); echo $i; done',
    pair.alpha.directory,
  ));

async function goesOn(guest: GuestProgram): Promise<void> {
  const before = guest.output.length;
  for (const end = Date.now() + 20_000; guest.output.length === before;) {
    if (guest.ended || Date.now() > end) throw new Error(`the program does not go on: ${guest.output.slice(-200)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits for the loss of the secondary; returns how long that took, and why. */
async function lost(cause: () => void): Promise<{ ms: number; reason: string }> {
  const from = pair.alpha.seen.length;
  const since = performance.now();
  cause();
  const { reason } = await pair.alpha.event('peerLost', from, 20_000);
  return { ms: performance.now() - since, reason };
}

beforeEach(async () => {
  pair = await new Pair({ both: { acknowledgeTimeoutMs: ACKNOWLEDGE_MS } }).open();
  await pair.serve(pair.alpha);
  fs.writeFileSync(file('start'), 'start');
  await joinThroughProxy();
});
afterEach(async () => {
  program?.kill();
  program = null;
  await cleanUp([() => proxy.stop(), () => pair.remove()]);
});

suite('a bit that changes between the hosts', () => {
  test.each([
    ['to the secondary', 'toFollower'],
    ['to the primary', 'toPrimary'],
  ] as const)('on its way %s is found under load, and nothing of it is applied', async (_, direction) => {
    const { alpha, beta } = pair;
    const guest = busy();
    await goesOn(guest);
    const from = beta.seen.length;
    const { reason } = await lost(() => proxy.flipNext(direction));
    if (direction === 'toPrimary') expect(reason).toMatch(/not authentic|announces|where frame/);
    else {
      const ended = await beta.event('followerLink', from, 10_000, (event) => !event.connected);
      expect(ended.reason).toMatch(/not authentic|announces|where frame/);
    }
    await pair.goAlone(alpha);
    await goesOn(guest);
    await pair.join(alpha, beta);
    await goesOn(guest);
    // In order: a dd that outlives its shell would write below the mount that is gone.
    fs.writeFileSync(file('stop'), '');
    await guest.end();
    await alpha.mirror.release();
    expect(await settle(alpha.directory, beta.directory)).toEqual([]);
  });
});

suite('a secondary that is gone', () => {
  test.each([false, true])('is noticed at once when the connection says so (under load: %s)', async (load) => {
    const guest = load ? busy() : null;
    if (guest) await goesOn(guest);
    const { ms, reason } = await lost(() => proxy.reset());
    expect(ms).toBeLessThan(ACKNOWLEDGE_MS);
    expect(reason).not.toMatch(silence);
    await pair.goAlone(pair.alpha);
    if (guest) await goesOn(guest);
  });

  test.each([false, true])('is noticed within its limit when nobody says so (under load: %s)', async (load) => {
    const guest = load ? busy() : null;
    if (guest) await goesOn(guest);
    const { ms, reason } = await lost(() => proxy.fallSilent());
    // An idle mirror asks once a second; it is more where the one who waits has no processor for a while.
    expect(ms).toBeLessThan(15_000);
    expect(reason).toMatch(silence);
    await pair.goAlone(pair.alpha);
    if (guest) await goesOn(guest);
  });
});
