/** Giving up the primary role in order: server down, both replicas durable, mount away, and for a move the arbiter names the peer. */
import { becauseOf, grantText, leavingText } from './because.ts';
import type { Draft } from './draft.ts';
import { countFailover } from './flapping.ts';
import type { ArbiterRecord, LeaveFor, Role, ServerPhase } from './types.ts';

type Primary = Extract<Role, { at: 'primary' }>;

/** How long the arbiter may take to name the peer before this host looks for another way. */
const handOverLimitMs = 5000;

export function serverIsDown(server: ServerPhase): boolean {
  return server.kind === 'held' || server.kind === 'down' || server.kind === 'keptDown';
}

/** @param reason what led to it, where more is known than what it leaves for */
export function beginLeaving(draft: Draft, role: Primary, leaving: LeaveFor, reason?: string): void {
  const because = reason ?? leavingText(draft, leaving);
  const words = {
    stop: 'stops',
    switchover: `moves to ${draft.config.peer}`,
    shutdown: 'leaves this host',
    resolve: 'stops',
    failback: `goes back to ${draft.config.peer}`,
    conditionFailed: `moves to ${draft.config.peer}`,
    diskFailed: `moves to ${draft.config.peer}`,
    serverFailed: `fails over to ${draft.config.peer}`,
  };
  draft.log('info', 'LEAVING', `${draft.config.module} ${words[leaving]} because ${because}`);
  if (serverIsDown(role.server)) {
    draft.become({ ...role, leaving, leavingBecause: because, server: { kind: 'held' } });
  } else {
    const isAsked = role.server.kind === 'stopping';
    draft.become({ ...role, leaving, leavingBecause: because, server: { kind: 'stopping' } });
    if (!isAsked) draft.emit({ type: 'stopServer' });
  }
}

/** Nothing has failed: it does not count as a failover. */
function isPlanned(leaving: LeaveFor): boolean {
  return leaving === 'switchover' || leaving === 'shutdown' || leaving === 'failback';
}

export function released(draft: Draft, role: Extract<Role, { at: 'releasing' }>): void {
  draft.state.mirror = 'idle';
  if (!role.handOver) {
    if (role.leaving === 'stop' || role.leaving === 'shutdown') draft.become({ at: 'stopped' });
    else draft.wait(`released because ${role.because}`);
    return;
  }
  const { self, peer } = draft.config;
  const proposal = draft.propose(role.grant.epoch, {
    epoch: role.grant.epoch + 1,
    primary: peer,
    // A replica in doubt is brought up to date first.
    inSync: draft.state.replica.diskError ? [peer] : [self, peer],
    base: role.grant.epoch,
    cause: isPlanned(role.leaving) ? 'switchover' : 'failover',
    because: role.because,
  });
  const { leaving, because } = role;
  draft.become({ at: 'handingOver', leaving, because, proposal, since: draft.now });
}

/** Making both sides durable failed, so the peer was lost at the last moment: the mount is taken down and the cold-start rules decide. */
export function releaseFailed(draft: Draft, reason: string): void {
  draft.log('error', 'RELEASE_FAILED', `${draft.config.module}: leaving the primary role failed: ${reason}`);
  draft.become({ at: 'fencing', reason, retryAfterMs: 0 });
  draft.operate({ kind: 'fence' });
}

export function settleHandingOver(draft: Draft, role: Extract<Role, { at: 'handingOver' }>): void {
  if (draft.now - role.since > handOverLimitMs) {
    draft.log('warn', 'HANDOVER_UNANSWERED', `the arbiter did not answer: ${draft.config.module} was not handed over`);
    draft.wait('the arbiter did not answer the hand-over');
    return;
  }
  draft.become({ ...role, proposal: draft.repropose(role.proposal) });
}

export function handedOver(draft: Draft, record: ArbiterRecord): void {
  draft.learn(record);
  // Both hosts count it, else a module could go back and forth for ever.
  if (record.cause === 'failover') countFailover(draft);
  draft.log(
    'info',
    'HANDED_OVER',
    `${draft.config.module} is handed over to ${draft.config.peer} because ${becauseOf(record)}; ${grantText(draft.config, record.epoch)}`,
  );
  draft.wait(`handed over to ${draft.config.peer}, waiting for it`, {
    yieldUntil: draft.now + 2 * draft.config.detectionMs + 3000,
  });
}
