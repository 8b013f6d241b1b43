import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

  it('cuts a cable silently, visibly, in one direction or at its own end, and heals it', async () => {
    const { network } = lab;
    const { station } = lab.host('alpha');
    for (const fault of [
      () => network.cutSilently(station, 'link'),
      () => network.cutCarrier(station, ['link']),
      () => network.deafen(station, 'link'),
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
