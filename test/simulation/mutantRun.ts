import type { Coverage } from './coverage.ts';
import { simulationWith } from './mutate.ts';
import type { Mutant } from './mutants.ts';

/** A bug that this many runs do not show is not caught. */
export const mutantSeeds = 2500;

/** The table of transitions would find what only moves otherwise: it is the promises that have to. */
const anyMove: Pick<Coverage, 'add'> = { add: () => true };

export interface Caught {
  readonly seed: number;
  readonly violation: string;
}

/** Runs one seed after the other until the bug shows. Null: it did not. */
export async function hunt(mutant: Mutant): Promise<Caught | null> {
  const { runSeed } = await simulationWith(mutant);
  for (let seed = 1; seed <= mutantSeeds; seed += 1) {
    const { violation } = runSeed(seed, { coverage: anyMove });
    if (violation !== null) return { seed, violation };
  }
  return null;
}
