import { expect, it } from 'vitest';
import { runSeed } from './seedRun.ts';

/** Fewer with UNDERSTUDY_FAULTS=10000. The same at more than one processor: `npm run simulate -- --seeds 30000 --jobs 2`. */
const faults = Number(process.env['UNDERSTUDY_FAULTS'] ?? 1_000_000);
/** Behind those that the short test runs. */
const firstSeed = 1_000_001;

it(
  `keeps the promises under ${faults.toLocaleString('en')} faults`,
  () => {
    const broken: string[] = [];
    let struck = 0;
    for (let seed = firstSeed; struck < faults && broken.length < 5; seed += 1) {
      const { violation, faults: kinds } = runSeed(seed);
      for (const times of kinds.values()) struck += times;
      if (violation !== null) broken.push(`${violation} (npm run simulate -- --seed ${String(seed)} --trace)`);
    }
    expect(broken).toEqual([]);
  },
  60_000 + faults * 5,
);
