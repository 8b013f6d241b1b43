/**
 * The failover core of one module on one host: `step(state, event)` gives the next state and the effects to carry out, in their order
 * (make it durable, ask the arbiter, tell the peer, act). No input or output, no clock, no chance in here.
 */
import { command, settleCommands } from './commands.ts';
import { noteConditions, noteFitness } from './conditions.ts';
import { learnResolution, tellsOfAnotherHistory } from './divergence.ts';
import { configChanged, heardByPeer, peerIsHeard } from './detection.ts';
import { initialDetection } from './detectionTimes.ts';
import { Draft } from './draft.ts';
import { settleFailback } from './failback.ts';
import { peerFenced, peerNotFenced, settleFencingPeer, takeOver } from './fencingPeer.ts';
import { forgetFaults } from './flapping.ts';
import { followingStarted, primaryEnded, settleFollowing, startToFollow } from './following.ts';
import { handedOver, released, releaseFailed, settleHandingOver } from './leaving.ts';
import { keepCopy } from './inquiry.ts';
import { learnMaintenance, settleMaintenance } from './maintenance.ts';
import {
  fence,
  isForgetful,
  primaryGranted,
  primaryInStep,
  primaryOperationDone,
  primaryOperationFailed,
  primaryPeerLost,
  primaryRefused,
  primaryServerRunning,
  seed,
  settlePrimary,
} from './primary.ts';
import { notePlacement } from './placement.ts';
import { isToBeRepaired } from './repair.ts';
import { tellState } from './stateLog.ts';
import { askingRefused, entered, mounted, settleAsking } from './promote.ts';
import { primaryServerFailed, primaryServerStopped, primaryServerUnhealthy } from './serverFaults.ts';
import { yieldsTie } from './tie.ts';
import type {
  Desired,
  Endpoint,
  Maintenance,
  ModuleConfig,
  ModuleCoreState,
  Operation,
  PeerStatus,
  ReplicaFacts,
  Resolution,
  StepResult,
  TimedEvent,
} from './types.ts';
import { settleWaiting } from './waiting.ts';

/** After a failed attempt to mount. */
const mountRetryMs = 3000;
/** After a failed attempt to follow. */
const followRetryMs = 3000;
/** After a replica could not be kept aside, which costs another look for room. */
const keepAsideRetryMs = 60_000;

/**
 * @param incarnation unique per life of the agent, so that names of proposals never repeat
 * @param failovers when the last ones were, by the clock of this life
 */
export function initialState(
  config: ModuleConfig,
  desired: Desired,
  replica: ReplicaFacts,
  now: number,
  incarnation: string,
  resolution: Resolution | null = null,
  maintenance: Maintenance | null = null,
  promisedDetectionMs: number | null = null,
  failovers: readonly number[] = [],
): ModuleCoreState {
  return {
    config,
    role: { at: 'stopped' },
    desired,
    resolution,
    replica,
    record: null,
    inquiry: { askedAt: -Infinity, answeredAt: null, record: null, failure: null },
    peer: { heardAt: null, presentSince: null, closedAt: null, status: null },
    detection: initialDetection(config, promisedDetectionMs, now),
    drain: null,
    maintenance,
    carriedOut: desired.sequence,
    failback: { readySince: null, hindrance: null, attempts: [] },
    bootedAt: now,
    operation: 0,
    pending: null,
    mirror: 'idle',
    commands: [],
    restarts: [],
    failovers,
    conditions: null,
    unfitSince: null,
    placement: null,
    clearedAt: -Infinity,
    heldBackFor: null,
    lastingFailure: null,
    keptAside: null,
    keepAsideFailure: null,
    shuttingDown: false,
    detached: false,
    proposals: 0,
    incarnation,
  };
}

export function step(state: ModuleCoreState, event: TimedEvent): StepResult {
  const draft = new Draft(state, event.now, event.type, event.arbiterReachable, event.heardOn);
  if (event.placement) notePlacement(draft, event.placement);
  handle(draft, event);
  draft.trigger = 'settle';
  settleMaintenance(draft);
  noteFitness(draft);
  settle(draft);
  settleCommands(draft);
  settleFailback(draft);
  tellState(draft, state);
  return { state: draft.state, effects: draft.effects, moves: draft.moves };
}

/** Follows what the present role asks for until nothing more is to be done at this moment. */
function settle(draft: Draft): void {
  for (let turn = 0; turn < 8; turn += 1) {
    const before = draft.state.role;
    settleOnce(draft);
    if (draft.state.role.at === before.at) return;
  }
}

function settleOnce(draft: Draft): void {
  const { role, desired, shuttingDown } = draft.state;
  switch (role.at) {
    case 'stopped':
      if (desired.value === 'started' && !shuttingDown) draft.wait('starting');
      return;
    case 'waiting':
      settleWaiting(draft, role);
      return;
    case 'asking':
      settleAsking(draft, role);
      return;
    case 'fencingPeer':
      settleFencingPeer(draft, role);
      return;
    case 'primary':
      settlePrimary(draft, role);
      return;
    case 'handingOver':
      settleHandingOver(draft, role);
      return;
    case 'following':
      settleFollowing(draft, role);
      return;
    default:
      return;
  }
}

function handle(draft: Draft, event: TimedEvent): void {
  const { state } = draft;
  const { role } = state;
  switch (event.type) {
    case 'tick':
      return;
    case 'configChanged':
      configChanged(draft, event.config);
      return;
    case 'peerStatus':
      peerStatus(draft, event.status, event.withoutNews === true);
      return;
    case 'heartbeatAnswered':
      heardByPeer(draft, event.sentAt);
      if (role.at === 'primary' && event.sentAt > role.leaseFrom) {
        draft.become({ ...role, leaseFrom: event.sentAt, knownAt: role.knownAt ?? event.now });
      }
      return;
    case 'arbiterRead':
      state.inquiry = { ...state.inquiry, answeredAt: event.now, record: event.record, failure: null };
      draft.learn(event.record);
      if (role.at === 'primary' && isForgetful(event.record, role)) seed(draft, role, event.record);
      return;
    case 'arbiterUnreachable':
      state.inquiry = { ...state.inquiry, answeredAt: null, failure: event.reason ?? null };
      return;
    case 'proposalGranted':
      if (role.at === 'asking' && role.proposal.record.proposal === event.record.proposal) {
        takeOver(draft, event.record, role);
      } else if (role.at === 'handingOver' && role.proposal.record.proposal === event.record.proposal) {
        handedOver(draft, event.record);
      } else if (role.at === 'primary') primaryGranted(draft, role, event.record);
      return;
    case 'proposalRefused':
      if (role.at === 'asking' && role.proposal.record.proposal === event.proposal) {
        askingRefused(draft, role, event.current);
      } else if (role.at === 'handingOver' && role.proposal.record.proposal === event.proposal) {
        draft.learn(event.current);
        draft.wait('the arbiter holds another record');
      } else if (role.at === 'primary') primaryRefused(draft, role, event.proposal, event.current);
      return;
    case 'operationDone':
      if (event.operation !== state.operation || state.pending === null) return;
      if (event.replica) state.replica = event.replica;
      operationDone(draft, event);
      return;
    case 'operationFailed':
      if (event.operation !== state.operation || state.pending === null) return;
      operationFailed(draft, event.reason);
      return;
    case 'replica':
      state.replica = event.replica;
      return;
    case 'mirrorPeerLost':
      if (role.at === 'primary') primaryPeerLost(draft, role, event.reason);
      return;
    case 'mirrorInStep':
      if (role.at === 'primary') primaryInStep(draft, role, event.replica);
      return;
    case 'mirrorFollowerLink':
      if (role.at === 'following') {
        const connectedAt = event.connected ? event.now : role.connectedAt;
        draft.become({ ...role, connected: event.connected, connectedAt, spent: role.spent || !event.connected });
      }
      return;
    case 'primaryEnded':
      if (role.at === 'following') primaryEnded(draft, role, event.epoch);
      return;
    case 'mirrorFailed':
      mirrorFailed(draft, event.reason);
      return;
    case 'hostDrain':
      state.drain = event.drain;
      return;
    case 'failbackHindered':
      state.failback = { ...state.failback, hindrance: event.hindrance };
      return;
    case 'attachAgain':
      state.detached = false;
      return;
    case 'serverRunning':
      if (role.at === 'primary') primaryServerRunning(draft, role);
      return;
    case 'serverStopped':
      if (role.at === 'primary') primaryServerStopped(draft, role, event.how);
      return;
    case 'serverFailed':
      if (role.at === 'primary') primaryServerFailed(draft, role, event.reason, event.lasting);
      return;
    case 'conditions':
      noteConditions(draft, event.unmet);
      return;
    case 'serverUnhealthy':
      if (role.at === 'primary') primaryServerUnhealthy(draft, role, event);
      return;
    case 'command':
      command(draft, event);
      return;
  }
}

function peerStatus(draft: Draft, status: PeerStatus | null, withoutNews: boolean): void {
  const { state, now } = draft;
  if (!status) {
    // Its agent lives and has not opened the module (yet). What it last said holds until the detection time is over: whatever it ran may
    // still be on its way down.
    state.peer = { ...state.peer, closedAt: now };
    return;
  }
  const presentSince = draft.freshPeer() ? state.peer.presentSince : now;
  if (state.peer.status?.waitsFor !== undefined && status.waitsFor === undefined) state.clearedAt = now;
  state.peer = { heardAt: now, presentSince, closedAt: null, status };
  const known = state.record;
  if (!tellsOfAnotherHistory(draft, status)) draft.learn(status.record);
  keepCopy(draft, state.record !== known);
  if (withoutNews) return;
  peerIsHeard(draft);
  learnResolution(draft, status.resolution ?? null);
  learnDesired(draft, status.desired);
  // A maintenance holds what was asked for before it began: so that has to be known first.
  learnMaintenance(draft, status.maintenance ?? null);
}

function learnDesired(draft: Draft, told: Desired): void {
  const { state } = draft;
  const { sequence, value, stay } = told;
  const newer = sequence > state.desired.sequence;
  // Asked for on both sides of a cut.
  const isOther = value !== state.desired.value || stay !== state.desired.stay;
  const tied = sequence === state.desired.sequence && isOther && yieldsTie(state.config);
  if (!newer && !tied) return;
  const { role } = state;
  const isParked = role.at === 'waiting' && role.parked;
  if (value === 'started' && (state.desired.value === 'stopped' || (newer && isParked))) {
    forgetFaults(draft);
  }
  // Whatever this host waits for by itself is tried now, as on the host that was asked.
  if (value === 'started' && newer && role.at === 'waiting' && (isParked || draft.now < role.retryAt)) {
    draft.wait('starting');
  }
  state.desired = told;
  draft.emit({ type: 'saveDesired', desired: state.desired });
}

function operationDone(
  draft: Draft,
  event: { endpoint: Endpoint | null; note: string | null; replica: ReplicaFacts | null },
): void {
  const kind: Operation['kind'] | null = draft.state.pending;
  draft.state.pending = null;
  const { role } = draft.state;
  switch (role.at) {
    case 'fencingPeer':
      if (kind === 'fencePeer') peerFenced(draft, role, event.note);
      return;
    case 'entering':
      if (kind === 'enterEpoch') entered(draft, role);
      return;
    case 'mounting':
      if (kind === 'serve') mounted(draft, role);
      return;
    case 'primary':
      if (kind) primaryOperationDone(draft, role, kind);
      return;
    case 'releasing':
      if (kind === 'release') released(draft, role);
      return;
    case 'fencing':
      if (kind !== 'fence') return;
      draft.state.mirror = 'idle';
      draft.wait(role.retryAfterMs === 0 ? role.reason : `${role.reason}; ${againText(role.retryAfterMs)}`, {
        retryAt: draft.now + role.retryAfterMs,
      });
      return;
    case 'keepingAside':
      if (kind !== 'keepAside') return;
      draft.log(
        'warn',
        'KEPT_ASIDE',
        `${draft.config.module}: the content of ${draft.config.self} is kept in ${event.note ?? role.name}`,
      );
      draft.state.keptAside = draft.tail()?.epoch ?? 0;
      startToFollow(draft, role.epoch);
      return;
    case 'startingToFollow':
      if (kind === 'follow' && event.endpoint) followingStarted(draft, role.epoch, event.endpoint);
      return;
    case 'unfollowing':
      if (kind !== 'unfollow') return;
      draft.state.mirror = 'idle';
      draft.become({ at: 'stopped' });
      return;
    default:
      return;
  }
}

function operationFailed(draft: Draft, reason: string): void {
  const kind = draft.state.pending;
  draft.state.pending = null;
  const { role } = draft.state;
  switch (role.at) {
    case 'fencingPeer':
      peerNotFenced(draft, role, reason);
      return;
    case 'primary':
      if (kind) primaryOperationFailed(draft, role, kind, reason);
      return;
    case 'releasing':
      releaseFailed(draft, reason);
      return;
    case 'entering':
    case 'mounting':
      draft.log('error', 'PROMOTION_FAILED', `${draft.config.self} cannot serve ${draft.config.module}: ${reason}`);
      draft.become({ at: 'fencing', reason, retryAfterMs: mountRetryMs });
      draft.operate({ kind: 'fence' });
      return;
    case 'fencing':
      // Something of the server or the mount may still be there: nothing else is begun until it is known to be gone.
      draft.log('error', 'FENCE_FAILED', `${draft.config.module} on ${draft.config.self} may still run: ${reason}`);
      draft.operate({ kind: 'fence' });
      return;
    case 'keepingAside':
      keepAsideFailed(draft, reason);
      return;
    case 'startingToFollow':
    case 'unfollowing':
      draft.state.mirror = 'idle';
      draft.log('error', 'FOLLOW_FAILED', `${draft.config.self} cannot follow ${draft.config.peer}: ${reason}`);
      draft.wait(`${draft.config.self} cannot follow ${draft.config.peer}: ${reason}; ${againText(followRetryMs)}`, {
        retryAt: draft.now + followRetryMs,
      });
      return;
    default:
      return;
  }
}

/** It goes on by itself when what stands in the way is gone. */
function againText(ms: number): string {
  return `tried again every ${String(ms / 1000)} s`;
}

/** Nobody has to choose anything: as soon as there is room it goes on. */
function keepAsideFailed(draft: Draft, reason: string): void {
  const { module, self, peer } = draft.config;
  const isNew = draft.state.keepAsideFailure !== reason;
  if (isNew) {
    const what = `what only ${self} holds could not be kept aside: ${reason}`;
    draft.log('error', 'KEEP_ASIDE_FAILED', `${module}: ${what}; it is tried again every minute`);
  }
  draft.state.keepAsideFailure = reason;
  const primary = draft.freshPeer();
  const isRepair = primary !== null && isToBeRepaired(draft, primary);
  const why = isRepair
    ? `${self} is to be repaired, and what it holds could not be kept aside: ${reason}`
    : `${self} holds writes that ${peer} does not, and they could not be kept aside: ${reason}`;
  const again = `${againText(keepAsideRetryMs)}, and at once after \`understudy start ${module}\``;
  draft.wait(`${why}; ${again}`, { retryAt: draft.now + keepAsideRetryMs });
  // Each try begins another wait, and the log has this one already.
  const { role } = draft.state;
  if (!isNew && role.at === 'waiting') draft.become({ ...role, isTold: true });
}

function mirrorFailed(draft: Draft, reason: string): void {
  const { role } = draft.state;
  // Being fenced includes the end of the mirror.
  if (role.at === 'fencing') return;
  if (draft.state.pending !== 'fencePeer') draft.state.pending = null;
  if (role.at === 'stopped' || role.at === 'waiting' || role.at === 'asking' || role.at === 'fencingPeer') {
    draft.state.mirror = 'idle';
    draft.log('error', 'MIRROR_FAILED', `${draft.config.module}: ${reason}`);
    return;
  }
  fence(draft, `the mirror failed: ${reason}`);
}
