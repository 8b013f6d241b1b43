import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LabCluster, pair, type PairName } from '../lab/harness/labCluster.ts';
import type { Benchmark, BenchmarkOptions, BenchmarkReport } from './benchmark.ts';
import { processesOf, type ProcessUse } from './processUse.ts';

/**
 * A pair is left alone for this long before anything is measured: what a start needed for a moment is given back, and what runs again and
 * again is compiled.
 */
const SETTLE_MS = 60_000;
const IDLE_MS = 30_000;

/** What one host's processes use with some modules. */
interface Sample {
  readonly modules: number;
  readonly rssMiB: number;
  readonly pssMiB: number;
  readonly threads: number;
  readonly processes: number;
  /** Processor time while nothing happens, percent of one core. */
  readonly idleCorePercent: number;
}

/**
 * Memory of the agent with one module and of each further one, threads, and processor time while nothing happens; on both hosts of a pair
 * whose modules are PRIM and SECOND. The larger figure of the two hosts counts.
 */
export const benchmark: Benchmark = {
  async run({ args, say }: BenchmarkOptions): Promise<BenchmarkReport> {
    const counts = modulesIn(args);
    const most = Math.max(...counts);
    const cluster = await LabCluster.create({
      log: say,
      beforeAgents: async (host) => {
        await mkdir(host.outside('/etc/understudy/modules'), { recursive: true });
        await mkdir(host.outside('/srv/footprint'), { recursive: true });
      },
    });
    try {
      const samples: Record<PairName, Sample[]> = { alpha: [], beta: [] };
      for (const count of [...counts].sort((a, b) => a - b)) {
        say(`${count} of ${most} modules: starting`);
        await runWith(cluster, count);
        say(`measuring, ${Math.round((SETTLE_MS + IDLE_MS) / 1000)} s`);
        await delay(SETTLE_MS);
        const before = both(cluster);
        await delay(IDLE_MS);
        const after = both(cluster);
        for (const name of pair) samples[name].push(sampleOf(count, before[name], after[name]));
      }
      return report(samples);
    } finally {
      cluster.destroy();
    }
  },
};

function modulesIn(args: readonly string[]): readonly number[] {
  const at = args.indexOf('--modules');
  const counts = at < 0 ? [1, 10, 32] : (args[at + 1] ?? '').split(',').map(Number);
  if (counts.length < 2 || counts.some((count) => !Number.isInteger(count) || count < 1 || count > 99)) {
    throw new Error('--modules takes two or more numbers of modules from 1 to 99, such as 1,10,32.');
  }
  return counts;
}

/** Both agents with so many started modules, and without the lab's own. */
async function runWith(cluster: LabCluster, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `m${index + 1}`);
  for (const host of pair.map((name) => cluster.host(name))) {
    await host.stopAgent();
    await host.run(['rm', '-f', '/etc/understudy/modules/web.module.jsonc']);
    for (const name of names) {
      await mkdir(host.outside(path.join('/srv/footprint', name)), { recursive: true });
      await writeFile(host.outside(`/etc/understudy/modules/${name}.module.jsonc`), moduleFile(name));
    }
  }
  for (const name of pair) await cluster.host(name).startAgent();
  await cluster.waitForAgents();
  for (const module of names) {
    const asked = cluster.view.waitFor('alpha knows the module', () => cluster.view.module('alpha', module) !== null);
    await asked;
    if (cluster.view.replica('alpha', module)?.state === 'STOP') {
      await cluster.view.request('alpha', 'module.start', { module });
    }
  }
  const isWhole = (module: string): boolean =>
    pair.some((name) => cluster.view.replica(name, module)?.state === 'PRIM') &&
    cluster.view.module('alpha', module)?.inSync.length === 2;
  await cluster.view.waitFor('all modules have both hosts in sync', () => names.every(isWhole), 180_000);
}

const moduleFile = (name: string): string => `{
  "name": "${name}",
  "hosts": ["alpha", "beta"],
  "mirror": { "directories": ["/srv/footprint/${name}"] },
  "server": { "scripts": { "start": ["/bin/true"], "stop": ["/bin/true"] } }
}
`;

function both(cluster: LabCluster): Record<PairName, readonly ProcessUse[]> {
  const of = (name: PairName): readonly ProcessUse[] => processesOf(cluster.host(name).firstPid);
  return { alpha: of('alpha'), beta: of('beta') };
}

function sampleOf(modules: number, before: readonly ProcessUse[], after: readonly ProcessUse[]): Sample {
  const sum = (of: (each: ProcessUse) => number): number => after.reduce((total, each) => total + of(each), 0);
  const earlier = new Map(before.map((each) => [each.pid, each.cpuMs]));
  return {
    modules,
    rssMiB: sum((each) => each.rssMiB),
    pssMiB: sum((each) => each.pssMiB),
    threads: sum((each) => each.threads),
    processes: after.length,
    idleCorePercent: (sum((each) => each.cpuMs - (earlier.get(each.pid) ?? 0)) / IDLE_MS) * 100,
  };
}

function report(samples: Record<PairName, readonly Sample[]>): BenchmarkReport {
  const rows = pair.flatMap((host) =>
    samples[host].map((sample, index) => {
      const previous = samples[host][index - 1];
      const further = (of: (each: Sample) => number): number | null =>
        previous ? (of(sample) - of(previous)) / (sample.modules - previous.modules) : null;
      return {
        host,
        ...sample,
        furtherRssMiB: further((each) => each.rssMiB),
        furtherPssMiB: further((each) => each.pssMiB),
      };
    }),
  );
  const at = (modules: number): typeof rows => rows.filter((row) => row.modules === modules);
  const counts = [...new Set(rows.map((row) => row.modules))];
  const [first = 1, second = 10] = counts;
  const worst = (of: readonly (number | null)[]): number => round(Math.max(...of.map((each) => each ?? 0)));
  const result = {
    agentRssMiB: worst(at(first).map((row) => row.rssMiB)),
    perModuleRssMiB: worst(at(second).map((row) => row.furtherRssMiB)),
    idleCorePercent: worst(at(second).map((row) => row.idleCorePercent)),
    rows: rows.map((row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, tidy(value)]))),
  };
  const show = (value: number | null): string => (value === null ? '–' : value.toFixed(1)).padStart(12);
  const heads = ['RSS MiB', 'per further', 'PSS MiB', 'per further', 'threads', 'idle core %'];
  const table = [
    `${'host'.padEnd(8)}${'modules'.padStart(8)}${heads.map((head) => head.padStart(12)).join('')}`,
    ...rows.map(
      (row) =>
        `${row.host.padEnd(8)}${String(row.modules).padStart(8)}${[row.rssMiB, row.furtherRssMiB, row.pssMiB, row.furtherPssMiB, row.threads, row.idleCorePercent].map(show).join('')}`,
    ),
  ].join('\n');
  return { table, result };
}

const round = (value: number): number => Math.round(value * 100) / 100;
const tidy = (value: unknown): unknown => (typeof value === 'number' ? round(value) : value);
