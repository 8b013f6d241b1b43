import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FairTurns } from '../../agent/arbiter/fairTurns.ts';
import { RecordFolder } from '../../agent/arbiter/recordFolder.ts';
import { mostClusters, recordLimits, SharedRoom } from '../../agent/arbiter/recordRoom.ts';
import { RecordStore } from '../../agent/arbiter/recordStore.ts';
import { RecordError, writeRecord } from '../../agent/arbiter/recordText.ts';
import { HandshakeGate } from '../../agent/host/handshakeGate.ts';
import { LinkAllowance } from '../../agent/host/linkAllowance.ts';
import { createAuthority, createHostCertificate } from '../../agent/security/certificates.ts';
import { readCluster } from '../../agent/witness/witnessCluster.ts';
import { WitnessFolder } from '../../agent/witness/witnessFolder.ts';
import { WitnessLog } from '../../agent/witness/witnessLog.ts';
import { arbiterRecord } from '../support/arbiterRecord.ts';

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
    clusters[1]?.giveBack();
    expect(clusters.slice(1, 2).map(fill)).toEqual([1]);
  });
});

describe('all that a witness keeps', () => {
  const block = 4096;
  const longestClusterFile = 16 << 10;
  let folder: WitnessFolder;
  // Each of some thousand files is made durable: in memory that takes no time, and what they take of a disk is counted.
  beforeEach(() => {
    const place = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
    folder = new WitnessFolder(mkdtempSync(join(place, 'understudy-witness-')));
  });
  afterEach(() => rmSync(folder.path, { recursive: true }));

  /** The longest cluster file that it takes. */
  function longestFile(name: string): { readonly name: string; readonly text: string } {
    const cluster = {
      name,
      networks: { lan: {} },
      hosts: { alpha: { lan: '10.0.0.1' }, beta: { lan: '10.0.0.2' }, gamma: { lan: '10.0.0.3' } },
      arbiter: { witness: 'gamma' },
    };
    return { name: `${name}.cluster.jsonc`, text: JSON.stringify(cluster).padEnd(longestClusterFile) };
  }

  it('is less than 20 MiB of a disk with as many clusters and records as it takes, each as long as can be', async () => {
    const authority = await createAuthority('site');
    const own = await createHostCertificate(authority, { host: 'gamma', addresses: ['10.0.0.3', 'fd00::3'] });
    const identity = { ...own, authority: authority.certificate };
    const room = new SharedRoom();
    const record = { ...arbiterRecord(2 ** 40, 'h'.repeat(64), 'p'.repeat(256)), because: '\u20ac'.repeat(256) };
    expect(Buffer.byteLength(writeRecord(record, null))).toBeLessThan(block);
    let records = 0;
    for (let number = 0; number < mostClusters; number += 1) {
      const name = `cluster-${String(number).padStart(20, '0')}`;
      const file = longestFile(name);
      expect(readCluster(file, 'gamma')).toHaveProperty('network');
      expect(readCluster({ ...file, text: `${file.text} ` }, 'gamma')).toHaveProperty('why');
      folder.install(name, { file, identity });
      folder.takeOver(name, folder.installation(name), file, { number: 2 ** 40, hash: 'f'.repeat(64) });
      const store = new RecordStore(new RecordFolder(folder.recordsDirectory(name)), room.open(name, 0));
      const module = (index: number): string => `m${String(index).padStart(31, '0')}`;
      let held = 0;
      const isTaken = (): boolean => {
        try {
          return store.propose(module(held), null, record).granted;
        } catch (error) {
          expect(error).toBeInstanceOf(RecordError);
          return false;
        }
      };
      while (isTaken()) held += 1;
      expect(held).toBeGreaterThanOrEqual(recordLimits.certain);
      records += held;
    }
    expect(records).toBe(mostClusters * recordLimits.certain + recordLimits.shared);
    expect(folder.names()).toHaveLength(mostClusters);
    expect(bytesOnDisk(folder.path)).toBeLessThan(20 * 2 ** 20);
    expect(bytesOnDisk(folder.path)).toBeGreaterThan(records * block);
  });

  /** Whole blocks of files, and of directories by their names, which take less than 48 bytes each with their heads (ext4). */
  function bytesOnDisk(path: string): number {
    const found = statSync(path);
    if (!found.isDirectory()) return Math.ceil(found.size / block) * block;
    const names = readdirSync(path);
    const blocks = Math.ceil(((names.length + 2) * 48) / block);
    return names.reduce((sum, name) => sum + bytesOnDisk(join(path, name)), blocks * block);
  }
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
