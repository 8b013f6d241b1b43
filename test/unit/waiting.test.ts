import { describe, expect, it } from 'vitest';
import { initialState, step } from '../../agent/core/step.ts';
import type { ArbiterRecord, Effect, ModuleConfig, ModuleCoreState, PeerStatus, Role } from '../../agent/core/types.ts';

const config: ModuleConfig = {
  ...{ module: 'web', self: 'beta', peer: 'alpha', hosts: ['alpha', 'beta'], arbiter: 'witness', automatic: true },
  ...{ withoutArbiter: 'manual', detectionMs: 3000, restarts: 3, restartPeriodMs: 600_000, maxFailovers: 5 },
  ...{ failoverPeriodMs: 86_400_000, failback: 'manual', failbackAfterMs: 600_000, onDiskError: 'report' },
  ...{ conditionsSettleMs: 5000, fencePeer: 'never' },
};
const now = 20_000;
const ofAlpha: ArbiterRecord = {
  ...{ epoch: 3, primary: 'alpha', inSync: ['alpha'], base: 2, cause: 'failover', proposal: 'p' },
};
const ofBoth: ArbiterRecord = { ...ofAlpha, inSync: ['alpha', 'beta'] };
const started = { value: 'started', sequence: 1 } as const;
const whole = { lineage: [{ epoch: 2, primary: 'alpha' }], consistent: true, content: true };
const half = { ...whole, consistent: false };
const command = '`understudy force-primary web --host beta`';

/** What alpha says of itself. */
function alpha(more: Partial<PeerStatus> = {}): PeerStatus {
  return {
    ...{ role: 'none', link: 'none', able: true, serverRunning: false, desired: started, record: ofAlpha },
    ...{ lineage: [{ from: 1, epoch: 3, primary: 'alpha' }], consistent: true, content: true, endpoint: null },
    ...more,
  };
}

interface Case {
  readonly replica?: ModuleCoreState['replica'];
  readonly record?: ArbiterRecord | null;
  /** Null: it is not heard. */
  readonly peer?: PeerStatus | null;
  /** Its agent is heard, and has not opened the module. */
  readonly isClosed?: boolean;
  readonly config?: Partial<ModuleConfig>;
}

/** Beta, which has waited for long, a moment after the arbiter's answer. */
function waits(given: Case): ModuleCoreState {
  const { replica = whole, record = ofAlpha, peer = null, isClosed = false } = given;
  const state = initialState({ ...config, ...given.config }, started, replica, 0, 'life');
  const role: Role = {
    ...{ at: 'waiting', reason: '', since: 0, parked: false, yieldUntil: -Infinity, retryAt: -Infinity },
    ...{ diverged: null, reasonSince: 0, isTold: false, toldBefore: 0, heldBack: false },
  };
  return step(
    {
      ...state,
      ...{ role, record },
      inquiry: { askedAt: now, answeredAt: now - 50, record, failure: null },
      peer: {
        ...{ heardAt: peer && now - 50, presentSince: peer && 0, status: peer },
        closedAt: isClosed ? now - 50 : null,
      },
    },
    { type: 'tick', now },
  ).state;
}

function reasonOf({ role }: ModuleCoreState): string {
  if (role.at !== 'waiting') throw new Error(`it is ${role.at}`);
  return role.reason;
}

function isStuck({ role }: ModuleCoreState): boolean {
  return role.at === 'waiting' && role.stuck === true;
}

/** What an operator's force here brings. */
function forced(state: ModuleCoreState): Effect | undefined {
  const { effects } = step(state, {
    ...{ type: 'command', id: 1, kind: 'force', deadline: now + 60_000, arbiterReachable: true, now: now + 50 },
  });
  return effects.find(({ type }) => type === 'propose' || type === 'commandDone');
}

const notInSync = 'beta is not in sync since epoch 3';
const away = 'waiting for alpha, which is not reachable';
const noRecord = 'the arbiter has no record of web';
const ifOff = `if alpha is off for good, ${command}`;
const cost = 'starts web without what only alpha holds';
const undo = 'starts web as it was on beta at epoch 2';
const toCompare = 'to see what both replicas hold';

describe('a host that waits for one that is away names the command that ends it, and what that costs', () => {
  it.each<[what: string, given: Case, reason: string]>([
    ['only the other is in sync', {}, `${notInSync}: ${away}, to bring it up to date; ${ifOff} ${cost}`],
    [
      'its resync is unfinished, and can be taken back',
      { replica: { ...half, restorable: true } },
      `${notInSync}: ${away}, to bring it up to date; ${ifOff} ${undo}`,
    ],
    ['the arbiter knows nothing', { record: null }, `${noRecord}: ${away}, ${toCompare}; ${ifOff} ${cost}`],
    [
      'the other one has not opened the module',
      { record: null, isClosed: true },
      `${noRecord}: waiting for alpha, which is reachable but has not opened the module (see its log), ${toCompare}; ` +
        `if what alpha holds is lost, ${command} ${cost}`,
    ],
    [
      'it is an old copy',
      { record: { ...ofBoth, base: 3 } },
      `the replica of beta ends at epoch 2, the arbiter's record asks for epoch 3: ${away}; ${ifOff} ${cost}`,
    ],
    [
      'its disk has failed',
      { record: ofBoth, replica: { ...whole, diskError: { code: 'EIO', at: 'some time' } } },
      `both hosts were in sync when the disk of beta failed: ${away}; ${ifOff} ${cost}`,
    ],
    [
      'it must not start by itself',
      { record: ofBoth, config: { automatic: false } },
      `alpha is silent and automatic failover is off: bring alpha back, or if it is certain to be off, ${command} starts web and loses nothing`,
    ],
  ])('%s', (_, given, reason) => {
    const state = waits(given);
    expect(reasonOf(state)).toBe(reason);
    expect(isStuck(state)).toBe(false);
    expect(forced(state)).toMatchObject({ type: 'propose' });
  });

  it('unless nothing can be started here', () => {
    const state = waits({ replica: half });
    const none = 'nothing can be started from the unfinished resync of beta';
    expect(reasonOf(state)).toBe(`${notInSync}: ${away}, to bring it up to date; ${none}`);
    expect(forced(state)).toMatchObject({ type: 'commandDone', outcome: { ok: false, code: 'NOT_IN_SYNC' } });
  });

  it('and an arbiter that does not answer is to be brought back, or replaced: nothing can be forced without one', () => {
    const state = waits({});
    const reason = reasonOf(step(state, { type: 'arbiterUnreachable', now: now + 50 }).state);
    expect(reason).toMatch(
      /^no answer from the arbiter, and alpha is silent: .*; bring it back, or put an empty one in/,
    );
    expect(reason).not.toContain('force-primary');
  });
});

describe('a host that waits for one at hand', () => {
  it('names no command where that one may start by itself', () => {
    const state = waits({ peer: alpha() });
    expect(reasonOf(state)).toBe(`${notInSync}: waiting for alpha to bring it up to date`);
    expect(isStuck(state)).toBe(false);
  });

  it.each<[what: string, given: Case, reason: string]>([
    [
      'holds an unfinished resync',
      { peer: alpha({ consistent: false }) },
      `${notInSync}, and alpha holds an unfinished resync: neither starts by itself; ${command} ${cost}`,
    ],
    [
      'has an empty disk',
      { peer: alpha({ lineage: [], content: false }) },
      `${notInSync}, and alpha holds no copy: neither starts by itself; ${command} ${cost}`,
    ],
    [
      'has a failed disk as well',
      {
        ...{ record: ofBoth, replica: { ...whole, diskError: { code: 'EIO', at: 'some time' } } },
        peer: alpha({ able: false, lineage: [{ from: 1, epoch: 2, primary: 'alpha' }] }),
      },
      `both hosts were in sync when the disk of beta failed, and alpha does not start it (see its reason): neither starts by itself; ${command} ${cost}`,
    ],
  ])('is stuck, and says what an operator may force, when that one %s', (_, given, reason) => {
    const state = waits(given);
    expect(reasonOf(state)).toBe(reason);
    expect(isStuck(state)).toBe(true);
    expect(forced(state)).toMatchObject({ type: 'propose' });
  });

  it('speaks for the copy there when that goes further', () => {
    const record = { ...ofAlpha, epoch: 5, base: 4 };
    const state = waits({ record, peer: alpha({ record }) });
    expect(reasonOf(state)).toBe(
      'beta is not in sync since epoch 5, and alpha ends at epoch 3: neither starts by itself; ' +
        '`understudy force-primary web --host alpha` starts web without what only beta holds',
    );
    expect(isStuck(state)).toBe(false);
  });
});
