import { Violation, type World } from './world.ts';

const enough = 5;

/** Runs seeds one after the other, and says of the first few that break a promise, or do not come back whole, how. */
export function brokenSeeds(seeds: number, run: (seed: number) => World): readonly string[] {
  const broken: string[] = [];
  for (let seed = 1; seed <= seeds && broken.length < enough; seed += 1) {
    try {
      const world = run(seed);
      if (!world.isWhole) broken.push(`seed ${String(seed)}: not whole again: ${world.describe()}`);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      broken.push(`seed ${String(seed)}: ${error.message}`);
    }
  }
  return broken;
}
