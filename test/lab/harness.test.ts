import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabHost } from './harness/host.ts';
import { Lab } from './harness/lab.ts';
import { clearLeftovers, type LabRecord } from './harness/registry.ts';
import { run } from './harness/run.ts';
import { noLab } from './labSuite.ts';

describe.skipIf(noLab !== null)('a lab', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.create();
  });
  afterAll(() => lab.destroy());

  const reaches = async (address: string): Promise<boolean> =>
    (await lab.host('alpha').exec(['ping', '-c', '1', '-W', '1', address])).code === 0;
  const hears = async (address: string): Promise<boolean> => {
    // A bridge port that comes back learns within half a second.
    for (let i = 0; i < 3; i += 1) if (await reaches(address)) return true;
    return false;
  };

  /** How many answers a ping got, by what it said. */
  const received = (said: string): number => Number(/(\d+) received/.exec(said)?.[1]);

  it('joins its hosts by two networks, and the operator by one of them', async () => {
    for (const address of ['10.77.0.2', '10.78.0.2', '10.77.0.3', '10.77.0.100']) {
      expect(await hears(address)).toBe(true);
    }
    expect(await run(['ip', '-br', 'addr'])).not.toMatch(/10\.7[78]\.0\./);
  });

  it('a host that loses its power loses its processes, its addresses and its memory, and keeps its disk', async () => {
    const beta = lab.host('beta');
    await beta.run(['sh', '-c', 'echo kept > /srv/file; echo gone > /run/file']);
    const sleeper = beta.spawn(['sleep', '1000']);
    const ended = new Promise((resolve) => sleeper.once('exit', resolve));
    await beta.powerLoss();
    await ended;
    expect(beta.isOn).toBe(false);
    expect(await reaches('10.77.0.2')).toBe(false);
    await beta.powerOn();
    expect(await beta.run(['cat', '/srv/file'])).toBe('kept\n');
    expect((await beta.exec(['test', '-e', '/run/file'])).code).toBe(1);
    expect(await hears('10.77.0.2')).toBe(true);
  });

  it('cuts a cable silently, visibly, in one direction, at its own end or on the way to one host, and heals it', async () => {
    const { network } = lab;
    const { station } = lab.host('alpha');
    const other = lab.host('beta').station;
    for (const fault of [
      () => network.cutSilently(station, 'link'),
      () => network.cutCarrier(station, ['link']),
      () => network.deafen(station, 'link'),
      () => network.mute(station, 'link'),
      () => network.separate(station, other, ['link']),
      () => network.separate(other, station, ['link']),
      () => network.switchOff(station, 'link'),
      () => network.blackhole(station, 'link'),
    ]) {
      await fault();
      expect(await reaches('10.78.0.2')).toBe(false);
      expect(await hears('10.77.0.2')).toBe(true);
      await network.heal(station);
      expect(await hears('10.78.0.2')).toBe(true);
    }
  });

  it('keeps what one host sends from another one, which is heard, and both from nobody else', async () => {
    const { network } = lab;
    const [alpha, beta] = [lab.host('alpha'), lab.host('beta')];
    const came = async (host: LabHost): Promise<number> =>
      Number(await host.run(['cat', '/sys/class/net/eth0/statistics/rx_packets']));
    const answers = async (host: LabHost, address: string): Promise<number> =>
      received((await host.exec(['ping', '-c', '20', '-i', '0.02', '-W', '1', address])).stdout);
    // Each knows where to send what it sends.
    expect(await hears('10.77.0.2')).toBe(true);
    await network.separate(alpha.station, beta.station, ['lan']);
    const before = { alpha: await came(alpha), beta: await came(beta) };
    expect(await answers(beta, '10.77.0.1')).toBe(0);
    expect((await came(alpha)) - before.alpha).toBeGreaterThanOrEqual(20);
    expect((await came(beta)) - before.beta).toBeLessThan(20);
    for (const host of [alpha, beta]) expect(await answers(host, '10.77.0.3')).toBe(20);
    await network.reunite(beta.station, alpha.station, ['lan']);
    expect(await hears('10.77.0.2')).toBe(true);
  });

  it('loses a part of what passes, and slows it down', async () => {
    const { network } = lab;
    const alpha = lab.host('alpha');
    const arrive = async (size: number): Promise<number> =>
      received(
        (await alpha.exec(['ping', '-c', '100', '-i', '0.002', '-W', '1', '-s', String(size), '10.78.0.2'])).stdout,
      );
    expect(await hears('10.78.0.2')).toBe(true);
    await network.lose(alpha.station, 'link', 30);
    // Of a question and its answer about a half.
    const half = await arrive(56);
    expect(half).toBeGreaterThan(20);
    expect(half).toBeLessThan(80);
    await network.heal(alpha.station);
    const takesMs = async (): Promise<number> => {
      const begun = performance.now();
      await arrive(1400);
      return performance.now() - begun;
    };
    expect(await takesMs()).toBeLessThan(2000);
    // 140 kB at 32 kB/s: what asks waits for its turn.
    await network.slow(alpha.station, 'link', 256);
    expect(await takesMs()).toBeGreaterThan(2500);
    await network.heal(alpha.station);
    expect(await takesMs()).toBeLessThan(2000);
  });

  it('lets everything arrive later, also what hosts send in one piece that fits in no frame', async () => {
    const { network } = lab;
    const [alpha, beta] = [lab.host('alpha'), lab.host('beta')];
    const shortestMs = async (): Promise<number> => {
      const said = await alpha.run(['ping', '-c', '10', '-i', '0.05', '-W', '2', '10.78.0.2']);
      expect(received(said)).toBe(10);
      return Number(/min\/avg\/max\/mdev = ([\d.]+)/.exec(said)?.[1]);
    };
    expect(await hears('10.78.0.2')).toBe(true);
    expect(await shortestMs()).toBeLessThan(50);
    await network.delay(alpha.station, 'link', 60);
    const late = await shortestMs();
    expect(late).toBeGreaterThanOrEqual(120);
    expect(late).toBeLessThan(400);

    const bytes = 4 * 1024 * 1024;
    const serve = `
      const server = require('node:net').createServer((socket) => socket.end(Buffer.alloc(${bytes})));
      server.listen(4000, '10.78.0.2', () => console.log('ready'));`;
    const count = `
      let bytes = 0;
      const socket = require('node:net').connect(4000, '10.78.0.2');
      socket.on('data', (data) => (bytes += data.length)).on('end', () => console.log(bytes));`;
    const server = beta.spawn([process.execPath, '-e', serve]);
    await new Promise((resolve) => server.stdout?.once('data', resolve));
    expect(Number(await alpha.run([process.execPath, '-e', count]))).toBe(bytes);
    await beta.run(['pkill', '-KILL', '-f', 'createServer']);

    // Who is late and cut off is cut off.
    await network.separate(alpha.station, beta.station, ['link']);
    expect(await reaches('10.78.0.2')).toBe(false);
    await network.heal(alpha.station);
    expect(await hears('10.78.0.2')).toBe(true);
    expect(await shortestMs()).toBeLessThan(50);
  });

  it('what a lab left whose owner is gone is removed, and what belongs to a living one is not', async () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'understudy-lab-gone-'));
    const namespace = `usgone${process.pid}`;
    await run(['ip', 'netns', 'add', namespace]);
    const registry = path.join(os.tmpdir(), 'understudy-labs');
    mkdirSync(registry, { recursive: true });
    const bootId = (await run(['cat', '/proc/sys/kernel/random/boot_id'])).trim();
    // This process's number, but of another life.
    const owner = { pid: process.pid, startTime: '1' };
    const record: LabRecord = {
      prefix: namespace,
      bootId,
      owner,
      namespaces: [namespace],
      processes: [],
      directories: [directory],
    };
    writeFileSync(path.join(registry, `${namespace}.json`), JSON.stringify(record));
    expect(clearLeftovers()).toContain(namespace);
    expect(existsSync(directory)).toBe(false);
    expect(await run(['ip', 'netns', 'list'])).not.toContain(namespace);
    expect(await hears('10.77.0.2')).toBe(true);
  });
});
