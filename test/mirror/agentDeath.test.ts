import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { runningGroups } from '../../agent/platform/children.ts';
import { FaultDisk } from './faultDisk.ts';
import { Pair } from './pairHarness.ts';

/** Appends a number, makes it durable, and says so; again and again. */
const writer = 'i=0; while :; do i=$((i+1)); echo $i >> "$1" && sync "$1" && echo $i; done';

/** Makes a file, and says so; again and again. */
const maker = 'i=0; while :; do i=$((i+1)); echo $i > "$1$i" && echo $i; done';

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)('when the agent of a primary dies', () => {
  let pair: Pair;
  let server: ChildProcess | null = null;
  let said = '';

  afterEach(async () => {
    if (server?.pid !== undefined && runningGroups([server.pid]).length > 0) process.kill(-server.pid, 'SIGKILL');
    server = null;
    await pair.remove();
  });

  /** A server in a process group of its own. Returns the group. */
  function start(program = writer): number {
    said = '';
    const file = path.join(pair.alpha.directory, 'log');
    server = spawn('sh', ['-c', program, 'sh', file], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    server.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
    return server.pid ?? 0;
  }

  const lastSaid = (): number => Number(said.trim().split('\n').at(-1) ?? 0);

  /** As the death of the agent: the channel ends. */
  async function agentDies(): Promise<void> {
    await pair.alpha.mirror.abandon();
  }

  const ofBeta = (type: string): number => pair.beta.seen.findIndex((event) => event.type === type);

  async function linkEnds(): Promise<void> {
    await pair.beta.event('followerLink', 0, 10_000, ({ connected }) => !connected);
  }

  test('the secondary learns of it when the server is dead, and holds everything that was acknowledged', async () => {
    pair = await new Pair().open();
    await pair.serve(pair.alpha);
    await pair.join(pair.alpha, pair.beta);
    const group = start();
    await pair.alpha.mirror.guard([group]);
    await expect.poll(lastSaid, { timeout: 10_000 }).toBeGreaterThan(20);
    let ranWhenTold = true;
    const told = pair.beta
      .event('primaryEnded', 0, 10_000)
      .finally(() => (ranWhenTold = runningGroups([group]).length > 0));
    const since = performance.now();
    await agentDies();
    expect(await told).toEqual({ type: 'primaryEnded', epoch: pair.epoch });
    expect(performance.now() - since).toBeLessThan(5000);
    expect(ranWhenTold).toBe(false);
    await linkEnds();
    expect(ofBeta('primaryEnded')).toBeGreaterThan(0);
    await pair.serve(pair.beta);
    const numbers = fs.readFileSync(path.join(pair.beta.directory, 'log'), 'utf8').trim().split('\n').map(Number);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(numbers.length).toBeGreaterThanOrEqual(lastSaid());
  });

  test('a server that cannot die before its write fails is waited for', async () => {
    pair = await new Pair().open();
    await pair.serve(pair.alpha);
    await pair.join(pair.alpha, pair.beta);
    const group = start();
    await pair.alpha.mirror.guard([group]);
    await expect.poll(lastSaid, { timeout: 10_000 }).toBeGreaterThan(5);
    await pair.alpha.mirror.freeze();
    const told = pair.beta.event('primaryEnded', 0, 10_000);
    await agentDies();
    await told;
    expect(runningGroups([group])).toEqual([]);
  });

  test('the secondary learns of it although the mirror waits for its disk at that moment', async () => {
    const disk = await FaultDisk.make(64);
    onTestFinished(() => disk.remove());
    const directory = path.join(disk.mountPoint, 'data');
    fs.mkdirSync(directory);
    pair = await new Pair({ alpha: { directory, stateDirectory: path.join(disk.mountPoint, 'state') } }).open();
    await pair.serve(pair.alpha);
    await pair.join(pair.alpha, pair.beta);
    const group = start(maker);
    await pair.alpha.mirror.guard([group]);
    await expect.poll(lastSaid).toBeGreaterThan(5);
    // Each new file is marked durably before anything else is taken.
    await disk.order({ do: 'slow', ms: 1200 });
    await expect
      .poll(async () => {
        const before = lastSaid();
        await delay(500);
        return lastSaid() === before;
      })
      .toBe(true);
    const told = pair.beta.event('primaryEnded', 0, 10_000);
    await agentDies();
    await told;
    expect(runningGroups([group])).toEqual([]);
    await disk.order({ do: 'slow', ms: 0 });
  });

  test('nothing is said of a server that the mirror process does not know', async () => {
    pair = await new Pair().open();
    await pair.serve(pair.alpha);
    await pair.join(pair.alpha, pair.beta);
    await agentDies();
    await linkEnds();
    expect(ofBeta('primaryEnded')).toBe(-1);
  });

  test('nothing is said to a secondary that is not in step', async () => {
    pair = await new Pair().open();
    fs.writeFileSync(path.join(pair.alpha.directory, 'file'), Buffer.alloc(1 << 20, 7));
    await pair.serve(pair.alpha);
    await pair.alpha.mirror.paceResync({ paused: true, bandwidth: null });
    await pair.attach(pair.alpha, pair.beta);
    const group = start();
    await pair.alpha.mirror.guard([group]);
    await expect.poll(lastSaid, { timeout: 10_000 }).toBeGreaterThan(5);
    await agentDies();
    await linkEnds();
    expect(ofBeta('primaryEnded')).toBe(-1);
    expect(runningGroups([group])).toEqual([]);
  });
});
