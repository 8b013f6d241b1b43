import { afterAll, describe, expect, it } from 'vitest';
import { hunt, keepSeen, mutantSeeds } from './mutantRun.ts';
import { mutants } from './mutants.ts';

/** `UNDERSTUDY_REWRITE=1 npx vitest run test/simulation/mutants.test.ts` writes anew where the bugs show: later changes of the core move that. */
const rewrite = process.env['UNDERSTUDY_REWRITE'] === '1';
const seen = new Map<string, number>();

/** That the core as it is keeps every promise over the same seeds, and more, simulation.test.ts shows. */
describe('the checks find a deliberate bug:', () => {
  afterAll(() => {
    if (rewrite) keepSeen(seen);
  });

  it.each(mutants)(
    '$name',
    async (mutant) => {
      const caught = await hunt(mutant);
      expect(caught, `no seed shows it: ${JSON.stringify(mutant)}`).not.toBeNull();
      if (caught) seen.set(mutant.name, caught.seed);
    },
    60_000 + mutantSeeds * 200,
  );
});
