import { describe, expect, it } from 'vitest';
import { FairTurns } from '../../agent/arbiter/fairTurns.ts';
import { mostClusters, recordLimits, SharedRoom } from '../../agent/arbiter/recordRoom.ts';
import { HandshakeGate } from '../../agent/host/handshakeGate.ts';
import { LinkAllowance } from '../../agent/host/linkAllowance.ts';
import { WitnessLog } from '../../agent/witness/witnessLog.ts';

describe('the place for records', () => {
  it('is bounded for all together, and a cluster has its part of it whatever the others take', () => {
    const room = new SharedRoom();
    const clusters = Array.from({ length: mostClusters }, (_, number) => room.open(`c${String(number)}`, 0));
    const fill = (cluster: (typeof clusters)[number]): number => {
      for (let taken = 0; ; taken += 1) {
        try {
          cluster.take();
        } catch {
          return taken;
        }
      }
    };
    const taken = clusters.map(fill);
    expect(taken[0]).toBe(recordLimits.most);
    expect(Math.min(...taken)).toBe(recordLimits.certain);
    const total = taken.reduce((sum, each) => sum + each, 0);
    expect(total).toBe(mostClusters * recordLimits.certain + recordLimits.shared);
    // With 48 KiB for the files of each cluster (certificates, cluster file, its version, folders).
    expect(total * 4096 + mostClusters * 48 * 1024).toBeLessThan(20 * 2 ** 20);
    clusters[1]?.giveBack();
    expect(clusters.slice(1, 2).map(fill)).toEqual([1]);
  });
});

describe('what a cluster may ask for', () => {
  it('is much at once and little for long, and comes back with time', () => {
    const allowance = new LinkAllowance(0);
    let now = 0;
    // Ten modules of four hosts, told ten times a second over two networks.
    for (; now < 60_000; now += 100) expect(allowance.received(4 * 2 * 40_000, 8, now)).toBe(0);
    let restMs = 0;
    for (let message = 0; restMs === 0 && message < 100_000; message += 1) restMs = allowance.received(1000, 1, now);
    expect(restMs).toBeGreaterThan(0);
    now += 30_000;
    expect(allowance.received(1000, 1, now)).toBe(0);
  });

  it('is work in turns: who asks for one thing waits for one of each other cluster at most', async () => {
    const turns = new FairTurns();
    const done: string[] = [];
    const many = Array.from({ length: 100 }, (_, number) => turns.do('red', () => done.push(`red ${String(number)}`)));
    const one = turns.do('blue', () => done.push('blue'));
    await one;
    expect(done.length).toBeLessThanOrEqual(3);
    await Promise.all(many);
    expect(done.filter((each) => each !== 'blue')).toEqual(Array.from({ length: 100 }, (_, n) => `red ${String(n)}`));
    const tooMany = Array.from({ length: 1000 }, () => turns.do('red', () => 1));
    const refused = (await Promise.allSettled(tooMany)).filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(1000 - 512);
    await expect(
      turns.do('blue', () => {
        throw new Error('its own');
      }),
    ).rejects.toThrow('its own');
  });

  it('is some lines of the log, and never a line that looks like another one', () => {
    const lines: string[] = [];
    const log = new WitnessLog((text) => lines.push(text));
    const red = log.of('red');
    for (let number = 0; number < 1000; number += 1) {
      red('warn', 'LINK_REFUSED', `no\n2026 info blue CLUSTER_SERVED ${String(number)}`);
    }
    log.of('blue')('info', 'HOST_UP', 'alpha');
    expect(lines.length).toBeLessThan(60);
    expect(lines.at(-1)).toMatch(/info blue HOST_UP alpha\n$/);
    expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true);
  });
});

describe('handshakes', () => {
  it('are limited by address, an IPv6 network counting as one, and not for others', () => {
    const gate = new HandshakeGate();
    const admitted = (address: string, count: number, now: number): number =>
      Array.from({ length: count }, () => gate.admits(address, now)).filter(Boolean).length;
    expect(admitted('10.0.0.1', 1000, 0)).toBe(100);
    expect(admitted('10.0.0.2', 10, 0)).toBe(10);
    expect(admitted('10.0.0.1', 1000, 1000)).toBe(20);
    const network = Array.from({ length: 1000 }, (_, last) => gate.admits(`2001:db8:1:2::${last.toString(16)}`, 0));
    expect(network.filter(Boolean)).toHaveLength(100);
    expect(admitted('2001:db8:1:3::1', 10, 0)).toBe(10);
  });
});
