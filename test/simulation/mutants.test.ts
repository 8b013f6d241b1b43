import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { hunt, mutantSeeds } from './mutantRun.ts';
import { mutants } from './mutants.ts';

/** `UNDERSTUDY_REWRITE=1 npx vitest run test/simulation/mutants.test.ts` writes anew where the bugs show: later changes of the core move that. */
const rewrite = process.env['UNDERSTUDY_REWRITE'] === '1';
const seen = new Map<string, number>();

describe('the checks find a deliberate bug:', () => {
  afterAll(() => {
    if (!rewrite) return;
    const file = path.join(import.meta.dirname, 'mutantSeeds.json');
    writeFileSync(file, `${JSON.stringify(Object.fromEntries(seen), null, 2)}\n`);
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
