/** A server that died on a healthy host, or runs and does not do its work: it is restarted here, and when that does not help, moved. */
import { formatDuration } from '../../schemas/units.ts';
import { fitter } from './conditions.ts';
import type { Draft } from './draft.ts';
import { park, tooManyFailovers } from './flapping.ts';
import { beginLeaving } from './leaving.ts';
import { heldReason, isHeld, isInMaintenance } from './maintenance.ts';
import { canTake } from './placement.ts';
import type { CoreEvent, Role } from './types.ts';

type Primary = Extract<Role, { at: 'primary' }>;

const serverRetryMs = 500;
const parkedRetryMs = 30_000;
/** What an operator has to mend is looked at again this often. */
const lastingRetryMs = 10_000;

/** A server died: restart it here, and when that does not help, let the other host try. */
export function primaryServerFailed(draft: Draft, role: Primary, reason: string, lasting = false): void {
  const { config, state } = draft;
  if (role.leaving !== null || role.server.kind === 'stopping') {
    primaryServerStopped(draft, role, reason);
    return;
  }
  if (isHeld(draft)) {
    draft.log('warn', 'SERVER_KEPT_DOWN', `${config.module} ended on ${config.self} (${reason}): ${heldReason(draft)}`);
    draft.become({ ...role, server: { kind: 'keptDown', reason: `it ended (${reason}): ${heldReason(draft)}` } });
    return;
  }
  if (lasting) {
    const told = role.server.kind === 'starting' && state.lastingFailure === reason;
    if (!told) draft.log('error', 'SERVER_NOT_STARTED', `${config.module} cannot start on ${config.self}: ${reason}`);
    state.lastingFailure = reason;
    draft.become({ ...role, server: { kind: 'down', restartAt: draft.now + lastingRetryMs, reason, lasting } });
    return;
  }
  const used = takeRestart(draft);
  if (used < config.restarts) {
    draft.log(
      'warn',
      'SERVER_DIED',
      `${config.module} died on ${config.self} (${reason}): restart ${String(used + 1)} of ${String(config.restarts)}`,
    );
    draft.become({
      ...role,
      server: { kind: 'down', restartAt: draft.now + serverRetryMs * used, reason, lasting: false },
    });
    return;
  }
  const obstacle = whyNoFailover(draft, role);
  if (obstacle === null) {
    draft.become({ ...role, server: { kind: 'held' } });
    if (parksFlapping(draft, `${config.module} died on ${config.self} again (${reason})`)) return;
    draft.log(
      'error',
      'SERVER_GIVEN_UP',
      `${config.module} died on ${config.self} again (${reason}) after ${restartsOf(used)}: it fails over to ${config.peer}`,
    );
    draft.become({
      ...role,
      server: { kind: 'held' },
      leaving: 'serverFailed',
      leavingBecause: `it died on ${config.self} again (${reason}) after ${restartsOf(used)}`,
    });
    return;
  }
  draft.log(
    'error',
    'SERVER_DIED',
    `${config.module} died on ${config.self} (${reason}) after ${restartsOf(used)} and ${obstacle}: next try in ${String(parkedRetryMs / 1000)} s`,
  );
  draft.become({ ...role, server: { kind: 'down', restartAt: draft.now + parkedRetryMs, reason, lasting: false } });
}

export function primaryServerStopped(draft: Draft, role: Primary, how: string): void {
  const { server } = role;
  if (role.leaving !== null) {
    draft.become({ ...role, server: { kind: 'held' } });
  } else if (server.kind === 'stopping') {
    const { reason, afterMs } = server.restart ?? { reason: how, afterMs: 0 };
    draft.become({ ...role, server: { kind: 'down', restartAt: draft.now + afterMs, reason, lasting: false } });
  } else {
    primaryServerFailed(draft, role, `it ended by itself (${how})`);
  }
}

/** A server runs, and a check of it has failed as often as counts. It is asked to stop as by an operator: it may still be able to. */
export function primaryServerUnhealthy(
  draft: Draft,
  role: Primary,
  { reason, action, isFirst }: Extract<CoreEvent, { type: 'serverUnhealthy' }>,
): void {
  const isMaintained = isInMaintenance(draft.state, draft.now);
  if (action === 'report' || isMaintained) {
    if (isFirst) tell(draft, 'warn', reason, `only reported${isMaintained ? ' during the maintenance' : ''}`);
    return;
  }
  // One that starts, stops or is down is seen to already; one whose writes wait for the arbiter cannot do its work.
  const { kind } = role.link;
  if (role.leaving !== null || role.server.kind !== 'running' || kind === 'lost' || kind === 'goingAlone') return;
  switch (action) {
    case 'wait':
      park(draft, reason);
      return;
    case 'failover':
      if (whyNoFailover(draft, role) === null) moveUnhealthy(draft, role, reason, '');
      else restartUnhealthy(draft, role, reason);
      return;
    case 'restart':
      restartUnhealthy(draft, role, reason);
      return;
  }
}

function restartUnhealthy(draft: Draft, role: Primary, reason: string): void {
  const { restarts, restartPeriodMs } = draft.config;
  const period = formatDuration(restartPeriodMs);
  const used = takeRestart(draft);
  if (used < restarts) {
    tell(draft, 'warn', reason, `restarted (${String(used + 1)} of ${String(restarts)} in ${period})`);
    draft.become({ ...role, server: { kind: 'stopping', restart: { reason, afterMs: serverRetryMs * used } } });
    draft.emit({ type: 'stopServer' });
    return;
  }
  const obstacle = whyNoFailover(draft, role);
  if (obstacle === null) {
    moveUnhealthy(draft, role, reason, ` after ${restartsOf(used)} in ${period}`);
    return;
  }
  // It may do some of its work; a restart is no more likely to help than the ones before.
  if (role.server.kind === 'running' && role.server.givenUp) return;
  tell(draft, 'error', reason, `left running after ${restartsOf(used)} in ${period}, as ${obstacle}`);
  draft.become({ ...role, server: { kind: 'running', givenUp: true } });
}

function moveUnhealthy(draft: Draft, role: Primary, reason: string, after: string): void {
  if (parksFlapping(draft, reason)) return;
  tell(draft, 'error', reason, `it fails over to ${draft.config.peer}${after}`);
  beginLeaving(draft, role, 'serverFailed', reason);
}

function restartsOf(count: number): string {
  return `${String(count)} ${count === 1 ? 'restart' : 'restarts'}`;
}

function tell(draft: Draft, level: 'warn' | 'error', reason: string, what: string): void {
  draft.log(level, 'SERVER_UNHEALTHY', `${draft.config.module}: ${reason}: ${what}`);
}

/** How many restarts were used within the period; counts another one if that is allowed. */
function takeRestart(draft: Draft): number {
  const { state, config } = draft;
  state.restarts = state.restarts.filter((at) => draft.now - at < config.restartPeriodMs);
  const used = state.restarts.length;
  if (used < config.restarts) state.restarts = [...state.restarts, draft.now];
  return used;
}

/** Why the other host does not take the module over by itself now; null: it can. */
function whyNoFailover(draft: Draft, role: Primary): string | null {
  if (!draft.config.automatic) return 'automatic failover is off';
  if (isInMaintenance(draft.state, draft.now)) return `${draft.config.module} is in maintenance`;
  if (!draft.arbiterReachable) return 'the arbiter does not answer';
  const peer = draft.freshPeer();
  if (role.link.kind !== 'both' || peer?.able !== true) return 'no other host is in sync';
  if (!canTake(peer)) return peer.barred ?? `${draft.config.peer} may not take it`;
  return fitter(draft.state, peer) === 'self'
    ? `${draft.config.peer} does not meet the conditions to be primary`
    : null;
}

function parksFlapping(draft: Draft, reason: string): boolean {
  const failovers = tooManyFailovers(draft);
  if (failovers === null) return false;
  const period = formatDuration(draft.config.failoverPeriodMs);
  park(draft, `failed over ${String(failovers)} times within ${period}, and ${reason}`);
  return true;
}
