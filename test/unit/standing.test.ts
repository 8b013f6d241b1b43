import { expect, it } from 'vitest';
import { standingOf } from '../../agent/core/standing.ts';
import { initialState } from '../../agent/core/step.ts';
import type { ArbiterRecord, ModuleConfig, ModuleCoreState, Role } from '../../agent/core/types.ts';

const config: ModuleConfig = {
  ...{ module: 'web', self: 'beta', peer: 'alpha', hosts: ['beta', 'alpha'], arbiter: 'witness', automatic: true },
  ...{ withoutArbiter: 'manual', detectionMs: 3000, restarts: 3, restartPeriodMs: 600_000, maxFailovers: 5 },
  ...{ failoverPeriodMs: 86_400_000, failback: 'manual', failbackAfterMs: 600_000, onDiskError: 'report' },
  ...{ conditionsSettleMs: 5000, fencePeer: 'never' },
};
const record: ArbiterRecord = { epoch: 2, primary: 'beta', inSync: ['beta'], base: 1, cause: 'start', proposal: 'p' };
const waiting: Role = {
  ...{ at: 'waiting', reason: 'asking the arbiter', since: 0, parked: false, yieldUntil: -Infinity },
  ...{ retryAt: -Infinity, diverged: null, reasonSince: 0, isTold: false, toldBefore: 0, heldBack: false },
};

/** A module that has run alone here, since an agent began at 0. */
function waits(more: Partial<ModuleCoreState> = {}): ModuleCoreState {
  const lineage = [{ epoch: 2, primary: 'beta' }];
  const replica = { lineage, consistent: true, content: true };
  const state = initialState(config, { value: 'started', sequence: 1 }, replica, 0, 'life');
  const inquiry = { askedAt: 0, answeredAt: 100, record, failure: null };
  return { ...state, role: waiting, record, inquiry, ...more };
}

it('a module is a candidate where it is about to start', () => {
  expect(standingOf(waits(), 200)).toBe('candidate');
  expect(standingOf(waits(), 60_000)).toBe('candidate');
});

it('it is none for long where the arbiter has forgotten its record, and the other host is waited for', () => {
  for (const known of [null, { ...record, epoch: 1 }]) {
    const inquiry = { askedAt: 0, answeredAt: 100, record: known, failure: null };
    expect(standingOf(waits({ inquiry }), 200)).toBe('candidate');
    expect(standingOf(waits({ inquiry }), 3100)).toBe('away');
  }
});

it('it stays one until the arbiter has answered', () => {
  const inquiry = { askedAt: 60_000, answeredAt: null, record: null, failure: null };
  expect(standingOf(waits({ inquiry }), 60_000)).toBe('candidate');
});

it('it is none where an operator has given up its history', () => {
  const resolution = { sequence: 1, keep: 'alpha', lost: { epoch: 2, primary: 'beta' } };
  expect(standingOf(waits({ resolution }), 200)).toBe('away');
});
