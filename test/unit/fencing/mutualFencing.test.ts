import { describe, expect, it } from 'vitest';
import { mayBeTakenBy, wantsFenced } from '../../../agent/core/fencingPeer.ts';
import { initialState } from '../../../agent/core/step.ts';
import type {
  ArbiterRecord,
  Desired,
  ModuleConfig,
  ModuleCoreState,
  PeerStatus,
  Role,
} from '../../../agent/core/types.ts';

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

/** As alpha has told it. */
function toldByAlpha(core: ModuleCoreState, status: Partial<PeerStatus>): ModuleCoreState {
  const { desired } = core;
  const told = { role: 'none', link: 'none', desired, record: core.record, lineage: [], ...status };
  return { ...core, peer: { ...core.peer, heardAt: 0, status: told as unknown as PeerStatus } };
}

/** @param leaseFrom when what alpha has answered last was sent */
function served(core: ModuleCoreState, leaseFrom: number): ModuleCoreState {
  const role = { at: 'primary', grant: own, link: { kind: 'both', session: 's' }, leaseFrom };
  return { ...core, role: role as unknown as Role };
}

const mayTake = (host: string, core: ModuleCoreState, now = 10_000, since = 9000): boolean =>
  mayBeTakenBy(host, core, now, since);

describe('a host that may be about to fence this one', () => {
  it('is one that may be granted a module of this host, or has been and was not followed since', () => {
    expect(mayTake('alpha', coreOfBeta(own))).toBe(true);
    expect(mayTake('alpha', coreOfBeta(taken))).toBe(true);
    expect(mayTake('gamma', coreOfBeta(taken))).toBe(false);
    expect(mayTake('alpha', coreOfBeta({ ...own, inSync: ['beta'] }))).toBe(false);
    expect(mayTake('alpha', coreOfBeta(null))).toBe(false);
  });

  it('is none that was handed the module, or is followed by now', () => {
    expect(mayTake('alpha', coreOfBeta({ ...taken, cause: 'switchover' }))).toBe(false);
    expect(mayTake('alpha', coreOfBeta(taken, 5))).toBe(false);
  });

  it('is none that has said that it had entered the epoch of its grant: it fences before that', () => {
    const taking = toldByAlpha(coreOfBeta(taken), { lineage: [{ from: 1, epoch: 4, primary: 'beta' }] });
    expect(mayTake('alpha', taking)).toBe(true);
    const lineage = [
      { from: 1, epoch: 4, primary: 'beta' },
      { from: 5, epoch: 5, primary: 'alpha' },
    ];
    expect(mayTake('alpha', toldByAlpha(coreOfBeta(taken), { lineage }))).toBe(false);
  });

  it('is none that knows that the module is stopped; one may not know that or have been granted it before', () => {
    const desired: Desired = { value: 'stopped', sequence: 3 };
    const stopped: ModuleCoreState = { ...coreOfBeta(own), desired };
    expect(mayTake('alpha', toldByAlpha(stopped, {}))).toBe(false);
    expect(mayTake('alpha', toldByAlpha(stopped, { role: 'secondary' }))).toBe(false);
    expect(mayTake('alpha', stopped)).toBe(true);
    expect(mayTake('alpha', toldByAlpha(stopped, { desired: { value: 'started', sequence: 2 } }))).toBe(true);
    expect(mayTake('alpha', toldByAlpha(stopped, { desired: { value: 'stopped', sequence: 1 } }))).toBe(true);
    expect(mayTake('alpha', toldByAlpha(stopped, { role: 'promoting' }))).toBe(true);
    // It is wanted again, and alpha may have heard of that.
    const again: ModuleCoreState = { ...stopped, desired: { value: 'started', sequence: 4 } };
    expect(mayTake('alpha', toldByAlpha(again, { desired }))).toBe(true);
    // It took the module over before it was stopped, and this host has not followed since.
    expect(mayTake('alpha', toldByAlpha({ ...stopped, record: taken }, {}))).toBe(false);
  });

  it('is none that has just answered what was sent since this host has been granted a module of it', () => {
    const core = coreOfBeta(own);
    expect(mayTake('alpha', served(core, 9500))).toBe(false);
    // Sent before that: it may have fallen silent since.
    expect(mayTake('alpha', served(core, 8999))).toBe(true);
    // The lease is over, two fifths of the detection time.
    expect(mayTake('alpha', served(core, 9500), 10_701)).toBe(true);
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
