import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HostFencing, type FencingOptions } from '../../../agent/fencing/hostFencing.ts';
import type { ResolvedFenceDevice } from '../../../schemas/resolvedFence.ts';

let folder = '';
const opened: HostFencing[] = [];
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'understudy-fence-'));
});
afterEach(async () => {
  for (const each of opened.splice(0)) each.close();
  await rm(folder, { recursive: true, force: true });
});

/** A fence agent that notes its actions in `actions`. */
async function device(name: string, body: string, timeoutMs = 5000): Promise<ResolvedFenceDevice> {
  const agent = path.join(folder, name);
  const note = `action=$(sed -n "s/^action=//p"); echo "${name} $action" >> ${folder}/actions`;
  await writeFile(agent, `#!/bin/sh\n${note}\n${body}\n`);
  await chmod(agent, 0o755);
  return { agent, options: {}, secretFiles: {}, action: 'reboot', timeoutMs };
}

async function actions(): Promise<readonly string[]> {
  const text = await readFile(path.join(folder, 'actions'), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

function fencing(
  hosts: Record<string, readonly ResolvedFenceDevice[]>,
  more: Partial<FencingOptions> = {},
): HostFencing {
  const made = new HostFencing({
    self: 'beta',
    fence: () => ({ onFailure: 'wait', monitorMs: 600_000, hosts: new Map(Object.entries(hosts)) }),
    hosts: () => ['alpha', 'beta', 'gamma'],
    peers: () => ['alpha'],
    mayFenceThis: () => false,
    isWanted: () => true,
    log: () => undefined,
    onChange: () => undefined,
    ...more,
  });
  opened.push(made);
  return made;
}

describe('fencing a host', () => {
  it('happens once for all modules, until the host is heard again', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const beta = fencing({ alpha: [await device('one', 'sleep 0.2')] });
      const both = await Promise.all([beta.fence('alpha'), beta.fence('alpha')]);
      expect(both[0]).toBe(both[1]);
      await beta.fence('alpha');
      // What it had sent before.
      beta.heard('alpha');
      await beta.fence('alpha');
      expect(await actions()).toEqual(['one reboot']);
      vi.advanceTimersByTime(60_000);
      beta.heard('alpha');
      await beta.fence('alpha');
      expect(await actions()).toEqual(['one reboot', 'one reboot']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('tries one device after the other, and tells what each of them said', async () => {
    const beta = fencing({ alpha: [await device('one', 'exit 1'), await device('two', 'exit 0')] });
    expect(await beta.fence('alpha')).toBe(`reboot by ${folder}/two`);
    expect(await actions()).toEqual(['one reboot', 'two reboot']);
    expect(beta.status('alpha')?.lastFenced).toMatchObject({ ok: true, what: `reboot by ${folder}/two` });
    const gamma = fencing({ alpha: [await device('one', 'exit 1'), await device('two', 'exit 3')] });
    await expect(gamma.fence('alpha')).rejects.toThrow(
      /one: reboot failed, exit code 1; .*two: reboot failed, exit code 3/,
    );
    expect(gamma.status('alpha')?.lastFenced?.ok).toBe(false);
  });

  it('lets the other one go first when both may be about to fence each other', async () => {
    const one = await device('one', 'exit 0');
    const own = await device('own', 'exit 0', 1000);
    const said: string[] = [];
    const log: FencingOptions['log'] = (_level, code) => void said.push(code);
    const mayFenceThis = (host: string): boolean => host !== 'gamma';
    const startedAt = performance.now();
    await fencing({ alpha: [one], beta: [own] }, { mayFenceThis, log }).fence('alpha');
    expect(performance.now() - startedAt).toBeGreaterThan(990);
    expect(said).toEqual(['FENCE_YIELDS']);
    // Nobody waits for one that comes later in the cluster file, has nothing to fence with, or is granted nothing of this host.
    await fencing({ gamma: [one], beta: [own] }, { mayFenceThis: () => true, log }).fence('gamma');
    await fencing({ alpha: [one] }, { mayFenceThis, log }).fence('alpha');
    await fencing({ alpha: [one], beta: [own] }, { log }).fence('alpha');
    expect(said).toEqual(['FENCE_YIELDS']);
  });

  it('lets the other one go first no longer than that one may be about to fence this host', async () => {
    // A minute, which this test does not have.
    const hosts = { alpha: [await device('one', 'exit 0')], beta: [await device('own', 'exit 0', 60_000)] };
    const looks: number[] = [];
    const mayFenceThis = (_host: string, since: number): boolean => looks.push(since) < 3;
    const said: string[] = [];
    const log: FencingOptions['log'] = (_level, code) => void said.push(code);
    const startedAt = performance.now();
    expect(await fencing(hosts, { mayFenceThis, log }).fence('alpha')).toBe(`reboot by ${folder}/one`);
    expect(said).toEqual(['FENCE_YIELDS']);
    // It is asked about the time since it was to fence, and not asked without a pause.
    expect(new Set(looks).size).toBe(1);
    expect(looks[0]).toBeGreaterThanOrEqual(startedAt);
    expect(looks).toHaveLength(3);
    expect(performance.now() - startedAt).toBeGreaterThan(100);
  });

  it('ends the wait at once when no module wants the host fenced any more, or the agent ends', async () => {
    const hosts = { alpha: [await device('one', 'exit 0')], beta: [await device('own', 'exit 0', 60_000)] };
    const wanted = [true];
    const log: FencingOptions['log'] = (_level, code) => void (wanted[0] = code !== 'FENCE_YIELDS');
    const isWanted = (): boolean => wanted[0] === true;
    const given = fencing(hosts, { mayFenceThis: () => true, isWanted, log });
    await expect(given.fence('alpha')).rejects.toThrow('no module waits for that now');
    const ended = fencing(hosts, { mayFenceThis: () => true });
    const tried = expect(ended.fence('alpha')).rejects.toThrow();
    ended.close();
    await tried;
    expect(await actions()).toEqual([]);
  });

  it('is given up when no module waits for it any more: while it yields, and before the next device', async () => {
    const wanted = [true];
    const isWanted = (): boolean => wanted[0] === true;
    const one = await device('one', 'exit 1');
    const two = await device('two', 'exit 0');
    const yields = fencing(
      { alpha: [one], beta: [await device('own', 'exit 0', 300)] },
      { isWanted, mayFenceThis: () => true, log: (_level, code) => void (wanted[0] = code !== 'FENCE_YIELDS') },
    );
    await expect(yields.fence('alpha')).rejects.toThrow('no module waits for that now');
    expect(yields.status('alpha')?.lastFenced ?? null).toBeNull();
    wanted[0] = true;
    const slow = await device(
      'slow',
      `touch ${folder}/begun; while test ! -e ${folder}/end; do sleep 0.02; done; exit 1`,
    );
    const beta = fencing({ alpha: [slow, two] }, { isWanted });
    const tried = expect(beta.fence('alpha')).rejects.toThrow(/slow: reboot failed.*; no module waits for that/);
    await expect.poll(() => existsSync(path.join(folder, 'begun'))).toBe(true);
    wanted[0] = false;
    await writeFile(path.join(folder, 'end'), '');
    await tried;
    expect(await actions()).toEqual(['slow reboot']);
    // An operator wants it whatever the modules want.
    expect(await beta.fence('alpha', true)).toBe(`reboot by ${folder}/two`);
  });

  it('is tried without harm, and a device that does not answer is told of once', async () => {
    const told: string[] = [];
    const beta = fencing(
      {
        alpha: [
          await device('one', `case "$action" in status) exit 2;; monitor) exec test ! -e ${folder}/broken;; esac`),
        ],
      },
      { log: (_level, code, message) => void told.push(`${code} ${message}`) },
    );
    expect(beta.status('alpha')).toMatchObject({ answers: null });
    expect(await beta.test('alpha')).toBe(`${folder}/one answers, power is off`);
    expect(beta.status('alpha')).toMatchObject({ answers: true, reason: null });
    await writeFile(path.join(folder, 'broken'), '');
    for (let time = 0; time < 2; time += 1) await expect(beta.test('alpha')).rejects.toThrow('monitor failed');
    expect(beta.status('alpha')).toMatchObject({ answers: false });
    await rm(path.join(folder, 'broken'));
    await beta.test('alpha');
    expect(told.map((line) => line.split(' ')[0])).toEqual(['FENCE_DEVICE_SILENT', 'FENCE_DEVICE_ANSWERS']);
    expect(new Set(await actions())).toEqual(new Set(['one monitor', 'one status']));
  });

  it('tells of no device that is not looked at any more; what it has done stays', async () => {
    const named = { alpha: [await device('one', 'exit 1')] };
    const fence = (): ReturnType<FencingOptions['fence']> => ({
      ...{ onFailure: 'wait', monitorMs: 600_000, hosts: new Map(Object.entries(named)) },
    });
    const beta = fencing(named, { fence, peers: () => Object.keys(named) });
    await expect(beta.test('alpha')).rejects.toThrow('monitor failed');
    expect(beta.status('alpha')).toMatchObject({ answers: false });
    named.alpha = [];
    expect(beta.status('alpha')).toBeNull();
    await expect(beta.fence('alpha')).rejects.toThrow('names no device');
    expect(beta.status('alpha')).toMatchObject({ answers: null, lastFenced: { ok: false } });
  });

  it('looks at the devices of the others when it begins, and not at its own', async () => {
    const told: string[] = [];
    const own = await device('own', 'exit 1');
    const beta = fencing(
      { alpha: [await device('one', 'exit 1')], beta: [own] },
      { log: (_level, _code, message) => void told.push(message) },
    );
    beta.start();
    await expect.poll(() => told).toHaveLength(1);
    expect(told[0]).toContain('alpha could not be fenced now');
    expect(beta.status('beta')).toBeNull();
    expect(await actions()).toEqual(['one monitor']);
  });
});
