import { describe, expect, it } from 'vitest';
import { silenceText } from '../../agent/core/because.ts';
import { Draft } from '../../agent/core/draft.ts';
import { plain } from '../../agent/core/plain.ts';
import { initialState } from '../../agent/core/step.ts';
import type { HeardOn, ModuleConfig } from '../../agent/core/types.ts';
import { LinkArbiterRecord as isArbiterRecord } from '../../schemas/generated/linkValidators.js';

const config = { module: 'web', self: 'beta', peer: 'alpha', hosts: ['alpha', 'beta'] } as unknown as ModuleConfig;
const facts = { lineage: [], consistent: true, content: false };
const desired = { value: 'started', sequence: 1 } as const;

function draft(heardOn: readonly HeardOn[] = []): Draft {
  return new Draft(initialState(config, desired, facts, 0, 'life'), 20_000, 'tick', true, heardOn);
}

describe('what led to a change, in words', () => {
  it.each([
    ['all networks at once', { lan: 17_000, link: 16_900 }, 'alpha was silent on lan and link for 3.0 s'],
    ['one before the other', { lan: 17_000, link: 4000 }, 'alpha was silent on lan for 3.0 s, on link for 16.0 s'],
    ['one never', { lan: 17_000, link: null }, 'alpha was silent on lan for 3.0 s, not heard on link at all'],
    ['no network that is known', {}, 'alpha was silent for 3.0 s'],
  ])('tells of a silence on %s', (_, heard, text) => {
    const heardOn = Object.entries(heard).map(([network, at]) => ({ network, at }));
    expect(silenceText(draft(heardOn), 3000)).toBe(text);
  });

  it('is one line that every holder of a record takes, whatever a check had to say', () => {
    const because = `check web failed (\u001b[31m${'no\nanswer '.repeat(200)})`;
    const wanted = { epoch: 2, primary: 'beta', inSync: ['beta'], base: 1, cause: 'failover', because } as const;
    const { record } = draft().propose(1, wanted);
    expect(isArbiterRecord(record)).toBe(true);
    expect(record.because).toMatch(/^check web failed \( \[31mno answer no answer .*…$/);
    expect(plain('  short ')).toBe('short');
  });
});
