import { describe, expect, it } from 'vitest';
import { shownState } from '../../../agent/core/status.ts';
import type { ModuleConfig } from '../../../agent/core/types.ts';
import { explain } from '../../../agent/explain/explain.ts';
import type { FaultName } from '../../../schemas/explain.ts';
import { Random } from '../../simulation/random.ts';
import { World, type HostName } from '../../simulation/world.ts';
import { clusterOf, moduleOf, noArbiter } from '../../support/explained.ts';

interface Played {
  /** State and server of each host in the end. */
  readonly ends: Readonly<Record<string, string>>;
  /** When the server began to start on the other host, milliseconds after the fault; null: it did not. */
  readonly startedMs: number | null;
}

const hosts = ['alpha', 'beta'] as const;

/** The same fault in the simulation that the failover core is tested with, which knows of nothing here. */
function simulated(config: Partial<ModuleConfig>, bring: (world: World) => void): Played {
  const world = new World({ random: new Random(3), config });
  world.run(15_000);
  expect(world.isWhole).toBe(true);
  const at = world.now;
  bring(world);
  let startedMs: number | null = null;
  while (world.now - at < 30_000) {
    world.run(10);
    if (startedMs === null && world.hosts.beta.server !== 'stopped') startedMs = world.now - at;
  }
  const view = (name: HostName): string => {
    const { core, server } = world.hosts[name];
    return core === null ? 'OFF' : `${shownState(core).state} ${server}`;
  };
  return { ends: Object.fromEntries(hosts.map((name) => [name, view(name)])), startedMs };
}

/** By what the product explains, until the fault ends. */
function explained(failover: object, cluster: object, fault: FaultName, host: string | null): Played {
  const options = { fault, host: host ?? undefined };
  const [told] = explain(moduleOf({ ...failover }), clusterOf({ ...cluster }), options).faults;
  if (told === undefined) throw new Error(`nothing is told of ${fault}`);
  // Up to what is brought about next.
  const next = told.events.filter(({ code }) => code === 'FAULT')[1]?.atMs ?? Infinity;
  const entries = told.timeline.filter(({ atMs }) => atMs < next);
  const view = (name: string): string => {
    const last = entries.findLast((entry) => entry.host === name);
    return last === undefined || last.state === 'OFF' ? 'OFF' : `${last.state} ${last.server}`;
  };
  const started = entries.find((entry) => entry.host === 'beta' && entry.server === 'starting' && entry.atMs > 0);
  return { ends: Object.fromEntries(hosts.map((name) => [name, view(name)])), startedMs: started?.atMs ?? null };
}

const stories: readonly {
  readonly title: string;
  readonly fault: FaultName;
  readonly host: string | null;
  readonly bring: (world: World) => void;
  readonly config?: Partial<ModuleConfig>;
  readonly failover?: object;
  readonly cluster?: object;
}[] = [
  {
    title: 'loss of power of the primary',
    fault: 'power-loss',
    host: 'alpha',
    bring: (world) => void world.crash('alpha'),
  },
  {
    title: 'the same with a short detection',
    fault: 'power-loss',
    host: 'alpha',
    bring: (world) => void world.crash('alpha'),
    config: { detectionMs: 800 },
    failover: { detection: '800ms' },
  },
  {
    title: 'loss of power of the secondary',
    fault: 'power-loss',
    host: 'beta',
    bring: (world) => void world.crash('beta'),
  },
  {
    title: 'a primary that is cut off from everything',
    fault: 'isolated',
    host: 'alpha',
    bring: (world) => {
      world.setCut('alpha', 'beta', true);
      world.setCut('alpha', 'gamma', true);
    },
  },
  {
    title: 'hosts that do not see each other',
    fault: 'hosts-cut',
    host: null,
    bring: (world) => void world.setCut('alpha', 'beta', true),
  },
  {
    title: 'the same without an arbiter',
    fault: 'power-loss',
    host: 'alpha',
    bring: (world) => void world.crash('alpha'),
    config: { arbiter: 'none' },
    cluster: noArbiter,
  },
];

describe('what is explained', () => {
  it.each(stories)(
    'is what the simulation of the core comes to: $title',
    ({ fault, host, bring, config, failover, cluster }) => {
      const [product, simulation] = [
        explained({ ...failover }, { ...cluster }, fault, host),
        simulated({ ...config }, bring),
      ];
      expect(product.ends).toEqual(simulation.ends);
      expect(product.startedMs === null).toBe(simulation.startedMs === null);
      // Heartbeats come every 250 ms, and an answer of the simulated arbiter may be lost.
      expect(Math.abs((product.startedMs ?? 0) - (simulation.startedMs ?? 0))).toBeLessThan(900);
    },
  );
});
