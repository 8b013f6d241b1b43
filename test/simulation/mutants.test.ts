import { describe, expect, it } from 'vitest';
import { hunt, mutantSeeds } from './mutantRun.ts';
import { mutants } from './mutants.ts';

/** That the core as it is keeps every promise over the same seeds, and more, simulation.test.ts shows. */
describe('the checks find a deliberate bug:', () => {
  it.each(mutants)(
    '$name',
    async (mutant) => {
      const caught = await hunt(mutant);
      expect(caught, `no seed shows it: ${JSON.stringify(mutant)}`).not.toBeNull();
    },
    60_000 + mutantSeeds * 200,
  );
});
