import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WitnessArbiter } from '../../agent/arbiter/witness.ts';
import type { HostLinks } from '../../agent/host/hostLinks.ts';
import { WitnessFolder } from '../../agent/witness/witnessFolder.ts';
import type { LinkModule } from '../../schemas/generated/link.ts';
import { arbiterRecord } from '../support/arbiterRecord.ts';
import { replicaStatus } from '../support/memoryFacade.ts';
import { SmallCluster } from '../support/witnessClusters.ts';

const program = join(import.meta.dirname, '..', '..', 'dist', 'agent', 'understudy.mjs');
const [clusters, modules] = [100, 10];
const pair = ['alpha', 'beta'] as const;
const port = 25_821;

let root: string;
let witness: ChildProcess;
const links: HostLinks[] = [];
const made: SmallCluster[] = [];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'understudy-many-'));
  const folder = new WitnessFolder(root);
  for (let number = 0; number < clusters; number += 1) {
    const cluster = await SmallCluster.make(`c${String(number)}`, port, number);
    await cluster.install(folder);
    made.push(cluster);
  }
  witness = spawn(process.execPath, [program, 'witness', 'run', '--folder', root], { stdio: 'ignore' });
});
afterAll(async () => {
  await Promise.all(links.map((each) => each.stop()));
  if (witness.exitCode === null) {
    witness.kill();
    await once(witness, 'exit');
  }
  rmSync(root, { recursive: true, force: true });
});

/** What a host tells of its modules with its heartbeats; the figures of traffic are new every second. */
function toldModules(host: (typeof pair)[number]): () => Record<string, LinkModule> {
  let told: Record<string, LinkModule> = {};
  let second = -1;
  return () => {
    const now = Math.floor(performance.now() / 1000);
    if (now === second) return told;
    second = now;
    const traffic = { writesPerSecond: now, bytesPerSecond: 4096, flushesPerSecond: 3, unacknowledged: 2 };
    const shown = replicaStatus(host, 'PRIM', { traffic: { ...traffic, lagMicros: 850, markedBytes: 65536 } });
    const status: LinkModule['status'] = {
      ...{ role: 'primary', link: 'both', able: true, serverRunning: true, desired: { value: 'started', sequence: 1 } },
      ...{
        record: { ...arbiterRecord(7, host, 'a/7'), inSync: [...pair] },
        consistent: true,
        content: true,
        endpoint: null,
      },
      lineage: Array.from({ length: 8 }, (_, epoch) => ({ from: epoch, epoch: epoch + 1, primary: host })),
    };
    const names = Array.from({ length: modules }, (_, number) => `module-${String(number)}`);
    told = Object.fromEntries(names.map((name) => [name, { status, shown, lastFailover: null, lastResync: null }]));
    return told;
  };
}

function memoryBytes(pid: number): number {
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}

function processorSeconds(pid: number): number {
  const fields =
    readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
      .split(') ')[1]
      ?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

describe('a witness of a hundred clusters with ten modules each', () => {
  it('answers all of them at once, and keeps less than 20 MiB', async () => {
    for (const cluster of made) {
      for (const host of pair) {
        const own = await cluster.identity(host);
        links.push(cluster.links(own, { heartbeatMs: 250, modules: toldModules(host) }));
      }
    }
    const isUp = (of: readonly HostLinks[]) => (): void =>
      expect(of.filter((each) => !each.reachable('gamma'))).toEqual([]);
    // One process stands for two hundred hosts here: not all of its handshakes at once.
    for (let first = 0; first < links.length; first += 10) {
      const some = links.slice(first, first + 10);
      await Promise.all(some.map((each) => each.start()));
      await vi.waitFor(isUp(some), { timeout: 60_000, interval: 50 });
    }

    let slowestMs = 0;
    const propose = async (own: HostLinks, epoch: number): Promise<void> => {
      const arbiter = new WitnessArbiter({
        request: (method, params, timeoutMs) => own.request('gamma', method, params, timeoutMs),
        reachable: () => true,
      });
      for (let number = 0; number < modules; number += 1) {
        const record = arbiterRecord(epoch, 'alpha', `a/${String(epoch)}`);
        const name = `module-${String(number)}`;
        // As the core does: the same proposal again until it is answered.
        const ask = async (): Promise<void> => {
          const asked = performance.now();
          expect(await arbiter.propose(name, epoch === 1 ? null : epoch - 1, record)).toMatchObject({ granted: true });
          slowestMs = Math.max(slowestMs, performance.now() - asked);
        };
        await vi.waitFor(ask, { timeout: 120_000, interval: 100 });
      }
    };
    const proposers = links.filter((_, index) => index % pair.length === 0);
    for (const own of proposers) await propose(own, 1);
    const pid = witness.pid ?? 0;
    const [before, at] = [processorSeconds(pid), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    const processor = (processorSeconds(pid) - before) / ((performance.now() - at) / 1000);
    const alone = slowestMs;
    slowestMs = 0;
    await Promise.all(proposers.map((own) => propose(own, 2)));

    const folder = new WitnessFolder(root);
    const bytes = folder.names().reduce((sum, name) => sum + folder.bytes(name), 0);
    const memory = memoryBytes(pid);
    const mib = (value: number): string => `${(value / 2 ** 20).toFixed(1)} MiB`;
    const proposals = `slowest proposal ${alone.toFixed(0)} ms, ${slowestMs.toFixed(0)} ms when all clusters propose at once`;
    const use = `${mib(memory)} of memory, ${(processor * 100).toFixed(0)} % of a processor`;
    console.log(
      `${String(clusters)} clusters with ${String(modules)} modules: ${mib(bytes)} on disk, ${use}, ${proposals}`,
    );
    expect(bytes).toBeLessThan(20 * 2 ** 20);
    expect(memory).toBeLessThan(512 * 2 ** 20);
    await vi.waitFor(isUp(links), { timeout: 120_000, interval: 200 });
  });
});
