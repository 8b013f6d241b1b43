import { describe, expect, it } from 'vitest';
import { WitnessArbiter } from '../../agent/arbiter/witness.ts';
import { arbiterRecord as record } from '../support/arbiterRecord.ts';

function arbiter(answer: Record<string, unknown>): WitnessArbiter {
  return new WitnessArbiter({ request: () => Promise.resolve(answer), reachable: () => true });
}

describe('the answer of a witness to a proposal', () => {
  const own = record(2, 'alpha', 'a/2');

  it('is a grant of what was proposed', async () => {
    const granted = arbiter({ granted: true, current: own }).propose('web', 1, own);
    await expect(granted).resolves.toEqual({ granted: true, record: own });
  });

  it.each([
    ['something else', record(9, 'beta', 'b/9')],
    ['nothing', null],
  ])('is no answer when it grants %s', async (_what, current) => {
    await expect(arbiter({ granted: true, current }).propose('web', 1, own)).rejects.toThrow(/not proposed/);
  });

  it('is a refusal with what the record is', async () => {
    const current = record(3, 'beta', 'b/3');
    const refused = arbiter({ granted: false, current }).propose('web', 1, own);
    await expect(refused).resolves.toEqual({ granted: false, current });
  });
});
