/**
 * Another program takes the agent over while modules are served: a module goes on alone before that, so that nothing depends on how long it
 * takes, and the next core begins where this one ended.
 */
import type { Draft } from './draft.ts';
import { agesOf } from './flapping.ts';
import { isInMaintenance } from './maintenance.ts';
import { proposeAlone } from './primary.ts';
import type { ArbiterRecord, Cause, ModuleCoreState, Outcome, ServerPhase } from './types.ts';

type Refusal = Extract<Outcome, { ok: false }>;

/** What the core of a served module leaves to the next one of the same host. Times are ages: each program has a clock of its own. */
export interface HandedCore {
  readonly grant: ArbiterRecord;
  readonly cause: Cause;
  readonly record: ArbiterRecord;
  readonly serverRuns: boolean;
  readonly restartsAgoMs: readonly number[];
  readonly failoversAgoMs: readonly number[];
}

/**
 * The secondary is left in order, and none is attached until the core is taken over, or told that it is not. The server runs on: with its
 * host recorded alone no other may start, whatever happens to this agent.
 */
export function detach(draft: Draft, arbiterReachable: boolean): Refusal | null {
  const { role } = draft.state;
  const { module, self, peer } = draft.config;
  const busy = (what: string): Refusal => ({
    ok: false,
    code: 'BUSY',
    reason: `${module} on ${self} ${what}: try again when that is over`,
    numbers: {},
  });
  switch (role.at) {
    case 'stopped':
    case 'waiting':
    case 'following':
      return null;
    case 'primary':
      break;
    default:
      return busy(`is in between (${role.at})`);
  }
  if (role.leaving !== null) return busy(`is leaving (${role.leaving})`);
  if (!isSettled(role.server)) return busy(`is ${role.server.kind}`);
  if (role.link.kind === 'renumbering') return busy('waits for the arbiter to record it by a later epoch');
  if (role.link.kind !== 'none' && role.link.kind !== 'both') return busy(`is bringing ${peer} up to date`);
  if (role.link.kind === 'both') {
    if (!arbiterReachable) {
      return {
        ok: false,
        code: 'ARBITER_UNREACHABLE',
        reason: `${module} has to be recorded alone on ${self} for a moment, and the arbiter does not answer: bring it back first`,
        numbers: {},
      };
    }
    draft.log('info', 'DETACHING', `${module}: ${peer} is left for a moment, as the agent of ${self} is upgraded`);
    // Asked with the pair still whole: when no answer comes nothing has to wait for it, and the upgrade is given up.
    const because = `${peer} is left for a moment, as the agent of ${self} is upgraded`;
    const proposal = proposeAlone(draft, role.grant.epoch, because);
    draft.become({ ...role, link: { kind: 'parting', session: role.link.session, proposal } });
  }
  draft.state.detached = true;
  return null;
}

/** Whether nothing of this module depends on the agent for a moment. */
export function isDetached({ state }: Draft): boolean {
  const { role, config } = state;
  if (role.at === 'stopped' || role.at === 'waiting' || role.at === 'following') return true;
  if (role.at !== 'primary' || !isSteady(state)) return false;
  // Without an arbiter the other host has to know the record: it must not think that it counts as in sync.
  const told = state.peer.status?.record?.epoch ?? 0;
  return config.arbiter !== 'none' || state.peer.status === null || told >= role.grant.epoch;
}

function isSteady({ role, pending, commands, detached }: ModuleCoreState): boolean {
  return (
    role.at === 'primary' &&
    detached &&
    role.leaving === null &&
    role.link.kind === 'none' &&
    isSettled(role.server) &&
    pending === null &&
    commands.every(({ kind }) => kind === 'detach')
  );
}

function isSettled({ kind }: ServerPhase): boolean {
  return kind === 'running' || kind === 'down' || kind === 'keptDown';
}

/** What a detached primary leaves behind; null when it is none any more. */
export function handedCore(state: ModuleCoreState, now: number): HandedCore | null {
  const { role, record } = state;
  if (role.at !== 'primary' || !isSteady(state) || record === null || record.primary !== state.config.self) return null;
  return {
    grant: role.grant,
    cause: role.cause,
    record,
    serverRuns: role.server.kind === 'running',
    restartsAgoMs: agesOf(state.restarts, now),
    failoversAgoMs: agesOf(state.failovers, now),
  };
}

/** The core that goes on with what an earlier one left. @param initial as after the start of an agent */
export function continued(initial: ModuleCoreState, handed: HandedCore, now: number): ModuleCoreState {
  const { grant, cause, record, serverRuns } = handed;
  return {
    ...initial,
    record,
    mirror: 'serving',
    restarts: handed.restartsAgoMs.map((age) => now - age),
    failovers: handed.failoversAgoMs.map((age) => now - age),
    role: {
      at: 'primary',
      cause,
      firstSign: now,
      reported: true,
      promotedBy: grant,
      grant,
      link: { kind: 'none', reason: 'the agent was upgraded', retryAt: now, lastSession: null, failures: 0 },
      server: serverRuns
        ? { kind: 'running' }
        : isInMaintenance(initial, now)
          ? { kind: 'keptDown', reason: 'the agent was upgraded during a maintenance' }
          : { kind: 'down', restartAt: now, reason: 'the agent was upgraded', lasting: false },
      leaving: null,
      leavingBecause: '',
      leaseFrom: now,
      knownAt: now,
    },
  };
}
