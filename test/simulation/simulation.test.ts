import { describe, expect, it } from 'vitest';
import { Coverage } from './coverage.ts';
import { playScenario } from './scenario.ts';
import { scenarioFiles } from './scenarioFiles.ts';
import { runSeed } from './seedRun.ts';

/** At length: `npm run simulate -- --seeds 10000`. */
const seeds = 1200;

describe('the failover core under faults', () => {
  it(
    `keeps the promises over ${String(seeds)} seeds, comes back whole, and makes every transition that it knows`,
    () => {
      const coverage = new Coverage();
      const broken: string[] = [];
      const struck = new Map<string, number>();
      const sums = { acknowledged: 0, upgrades: 0, keptAside: 0 };
      for (let seed = 1; seed <= seeds && broken.length < 5; seed += 1) {
        const { violation, faults, ...result } = runSeed(seed, { coverage });
        if (violation !== null) {
          broken.push(`${violation} (npm run simulate -- --seed ${String(seed)} --trace)`);
        }
        for (const [name, times] of faults) struck.set(name, (struck.get(name) ?? 0) + times);
        for (const name of ['acknowledged', 'upgrades', 'keptAside'] as const) sums[name] += result[name];
      }
      expect(broken).toEqual([]);
      // A simulation in which hardly anything happens would keep every promise.
      expect(sums.acknowledged).toBeGreaterThan(seeds * 200);
      expect(sums.upgrades).toBeGreaterThan(seeds / 10);
      expect(sums.keptAside).toBeGreaterThan(seeds / 10);
      expect([...struck].filter(([, times]) => times < seeds / 20)).toEqual([]);
      for (const { script } of scenarioFiles()) playScenario(script, coverage);
      expect(coverage.missing).toEqual([]);
    },
    60_000 + seeds * 200,
  );

  it('plays a seed again step by step', () => {
    const replay = (): string[] => {
      const lines: string[] = [];
      runSeed(4711, { trace: (line) => lines.push(line) });
      return lines;
    };
    const first = replay();
    expect(first.length).toBeGreaterThan(50);
    expect(replay()).toEqual(first);
  });
});
