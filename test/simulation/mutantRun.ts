import type { Coverage } from './coverage.ts';
import { simulationWith } from './mutate.ts';
import type { Mutant } from './mutants.ts';
import mutantSeedsSeen from './mutantSeeds.json' with { type: 'json' };
import { runSeed } from './seedRun.ts';

/** A bug that this many runs do not show is not caught. */
export const mutantSeeds = 2500;

/** The table of transitions would find what only moves otherwise: it is the promises that have to. */
const anyMove: Pick<Coverage, 'add'> = { add: () => true };

export interface Caught {
  readonly seed: number;
  readonly violation: string;
}

/** Where each bug was seen last, by its name: some show in one of a thousand seeds only. */
const seen: Readonly<Record<string, number>> = mutantSeedsSeen;

/**
 * Runs the seed that showed the bug last, and then one after the other until it shows. What the core as it is violates, too, does not
 * count. Null: it did not show.
 */
export async function hunt(mutant: Mutant): Promise<Caught | null> {
  const { runSeed: runMutant } = await simulationWith(mutant);
  const last = seen[mutant.name];
  const all = Array.from({ length: mutantSeeds }, (_, index) => index + 1);
  for (const seed of last === undefined ? all : [last, ...all]) {
    const { violation } = runMutant(seed, { coverage: anyMove });
    if (violation !== null && runSeed(seed, { coverage: anyMove }).violation === null) return { seed, violation };
  }
  return null;
}
