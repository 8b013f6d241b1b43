import { describe, expect, it } from 'vitest';
import { mayBeTakenBy, wantsFenced } from '../../../agent/core/fencingPeer.ts';
import { initialState } from '../../../agent/core/step.ts';
import type { ArbiterRecord, ModuleConfig, ModuleCoreState } from '../../../agent/core/types.ts';

const own: ArbiterRecord = {
  ...{ epoch: 4, primary: 'beta', inSync: ['alpha', 'beta'], base: 3, cause: 'start', proposal: 'b/1' },
};
const taken: ArbiterRecord = {
  ...{ epoch: 5, primary: 'alpha', inSync: ['alpha'], base: 4, cause: 'failover', proposal: 'a/1' },
};

function coreOfBeta(record: ArbiterRecord | null, lastEpoch = 4): ModuleCoreState {
  const config = { module: 'web', self: 'beta', peer: 'alpha', hosts: ['beta', 'alpha'], detectionMs: 3000 };
  const lineage = [{ epoch: lastEpoch, primary: lastEpoch === 4 ? 'beta' : 'alpha' }];
  const replica = { lineage, consistent: true, content: true };
  const desired = { value: 'started', sequence: 1 } as const;
  return { ...initialState(config as unknown as ModuleConfig, desired, replica, 0, 'life'), record };
}

describe('a host that may be about to fence this one', () => {
  it('is one that may be granted a module of this host, or has been and was not followed since', () => {
    expect(mayBeTakenBy('alpha', coreOfBeta(own))).toBe(true);
    expect(mayBeTakenBy('alpha', coreOfBeta(taken))).toBe(true);
    expect(mayBeTakenBy('gamma', coreOfBeta(taken))).toBe(false);
    expect(mayBeTakenBy('alpha', coreOfBeta({ ...own, inSync: ['beta'] }))).toBe(false);
    expect(mayBeTakenBy('alpha', coreOfBeta(null))).toBe(false);
  });

  it('is none that was handed the module, or is followed by now', () => {
    expect(mayBeTakenBy('alpha', coreOfBeta({ ...taken, cause: 'switchover' }))).toBe(false);
    expect(mayBeTakenBy('alpha', coreOfBeta(taken, 5))).toBe(false);
  });

  it('is fenced only while a module waits for that', () => {
    const waits = { ...coreOfBeta(own), pending: 'fencePeer' as const };
    expect(wantsFenced('alpha', waits)).toBe(false);
    const since = { cause: 'failover', firstSign: 0, since: 0, failure: null, retryAt: 0 } as const;
    const role = { at: 'fencingPeer', ...since, grant: own, isDone: false, isUnconfirmed: false } as const;
    expect(wantsFenced('alpha', { ...waits, role })).toBe(true);
    expect(wantsFenced('gamma', { ...waits, role })).toBe(false);
    expect(wantsFenced('alpha', { ...waits, role, pending: null })).toBe(false);
    expect(wantsFenced('alpha', { ...waits, role: { ...role, isUnconfirmed: true } })).toBe(false);
  });
});
