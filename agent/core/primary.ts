/** PRIM and ALONE: the primary, its secondary and its server. */
import { becauseOf, grantText, listText, lostText, recordText, secondsText } from './because.ts';
import { leavesForConditions } from './conditions.ts';
import { leaseBasisMs } from './detectionTimes.ts';
import { entryOf, isGivenUp } from './divergence.ts';
import type { Draft } from './draft.ts';
import { forceCommand } from './forceAdvice.ts';
import { beginLeaving, serverIsDown } from './leaving.ts';
import { leavesItsDisk } from './leavingDisk.ts';
import { isHeld, isInMaintenance } from './maintenance.ts';
import { canTake } from './placement.ts';
import { yieldsTie } from './tie.ts';
import type { ArbiterRecord, Cause, LeaveFor, Link, PeerStatus, Proposal, ReplicaFacts, Role } from './types.ts';

export type Primary = Extract<Role, { at: 'primary' }>;

/**
 * Parts of the detection time. The primary's lease counts from the *sending* of an answered heartbeat, the secondary's detection from the
 * *receipt* of one, so the primary is always the first to act: it freezes at two fifths of the time and kills its server at three fifths.
 * A clock that is a fifth slow shows three fifths when one that is a fifth fast shows nine tenths.
 */
const leaseShare = 0.4;
const killShare = 0.6;
/** One that stood still itself finds both over at once: for this part of the time it waits for the arbiter, which may have nothing against it. */
const answerShare = 0.1;
/** With a peer that still answers heartbeats, a freeze (data link broken and arbiter away) ends after this long. */
const longestFreezeMs = 30_000;
const attachRetryMs = 1000;
/** A session that failed is tried again after this long, then after twice as long, and so on: what ails the secondary may last. */
const sameSessionRetryMs = 3000;
const longestSessionRetryMs = 30_000;
const longestNewSessionRetryMs = 15_000;

export function settlePrimary(draft: Draft, role: Primary): void {
  const { state, config } = draft;
  if (state.record && state.record.epoch > role.grant.epoch && state.record.primary !== config.self) {
    fence(draft, `deposed: ${state.record.primary} is primary by ${recordText(state.record)}`);
    return;
  }
  if (tiedWith(draft, role)) {
    fence(draft, `${config.peer} is primary by epoch ${String(role.grant.epoch)} as well, and goes first`);
    return;
  }
  if (comesBeside(draft, role)) {
    fence(draft, `${config.peer} is heard, and serves`);
    return;
  }
  if (role.leaving === null && isGivenUp(draft)) {
    beginLeaving(draft, role, 'resolve');
    return;
  }
  if (role.leaving === null && (state.desired.value === 'stopped' || state.shuttingDown)) {
    beginLeaving(draft, role, state.desired.value === 'stopped' ? 'stop' : 'shutdown');
    return;
  }
  if (role.leaving === null && leavesItsDisk(draft, role)) {
    beginLeaving(draft, role, 'diskFailed');
    return;
  }
  if (role.leaving === null && leavesForConditions(draft, role)) {
    beginLeaving(draft, role, 'conditionFailed');
    return;
  }
  if (role.leaving !== null && serverIsDown(role.server)) {
    if (leaveWhenSettled(draft, role)) return;
  }
  settleLink(draft, role);
}

/**
 * Both sides of a cut may have taken the same epoch, without an arbiter or when one was wiped before it was asked again: one of them
 * goes on.
 */
function tiedWith(draft: Draft, role: Primary): boolean {
  const { config } = draft;
  const peer = draft.freshPeer();
  return (
    yieldsTie(config) &&
    peer?.role === 'primary' &&
    peer.record?.primary === config.peer &&
    peer.record.epoch === role.grant.epoch
  );
}

/** Without an arbiter nobody refuses: nothing has been started here, and the other host was heard to serve since this one asked. */
function comesBeside(draft: Draft, role: Primary): boolean {
  if (
    draft.config.arbiter !== 'none' ||
    role.cause === 'force' ||
    role.server.kind !== 'held' ||
    role.leaving !== null
  ) {
    return false;
  }
  return draft.freshPeer()?.role === 'primary' && (draft.state.peer.heardAt ?? -Infinity) > role.firstSign;
}

/** Once the server is down and nothing is in flight with the arbiter, the mirror can be released. */
function leaveWhenSettled(draft: Draft, role: Primary): boolean {
  const { leaving, link } = role;
  if (
    leaving === null ||
    link.kind === 'lost' ||
    link.kind === 'goingAlone' ||
    link.kind === 'committing' ||
    link.kind === 'parting' ||
    link.kind === 'joining'
  ) {
    return false;
  }
  const stays = leaving === 'shutdown' && isInMaintenance(draft.state, draft.now);
  const handOver =
    leaving !== 'stop' && leaving !== 'resolve' && !stays && link.kind === 'both' && canTake(draft.freshPeer());
  if (!handOver && isMove(leaving)) {
    const { peer, module, self } = draft.config;
    const reason =
      link.kind === 'both' ? (draft.freshPeer()?.barred ?? `${peer} cannot take it`) : `${peer} is no longer in sync`;
    draft.log('warn', 'SWITCHOVER_CANCELLED', `${reason}: ${module} stays on ${self}`);
    draft.become({
      ...role,
      leaving: null,
      leavingBecause: '',
      server: { kind: 'down', restartAt: draft.now, reason, lasting: false },
    });
    return false;
  }
  const { grant, leavingBecause: because } = role;
  draft.become({ at: 'releasing', leaving, because, grant, handOver, link, since: draft.now });
  draft.operate({ kind: 'release' });
  return true;
}

/** Whether it stays when there is nobody to take it. */
function isMove(leaving: LeaveFor): boolean {
  return leaving !== 'stop' && leaving !== 'shutdown' && leaving !== 'resolve';
}

function settleLink(draft: Draft, role: Primary): void {
  const { link } = role;
  const peer = draft.freshPeer();
  const endpoint = peer?.role === 'secondary' ? peer.endpoint : null;
  switch (link.kind) {
    case 'joining':
      if (draft.now >= link.until) {
        notJoined(draft, role);
      } else if (link.attaching === null && endpoint && draft.state.pending === null) {
        draft.become({ ...role, link: { ...link, attaching: endpoint.session } });
        draft.operate({ kind: 'attach', endpoint, epoch: role.grant.epoch });
      }
      return;
    case 'none':
      if (peer && isOutnumbered(draft, role, peer)) {
        draft.become({ ...role, link: { kind: 'renumbering', proposal: proposeLater(draft, role.grant.epoch) } });
        settleServer(draft, currentPrimary(draft, role));
        return;
      }
      if (!peer && link.failures > 0) {
        // Whatever ailed it, it comes back as another one.
        draft.become({ ...role, link: { ...link, failures: 0 } });
        settleServer(draft, currentPrimary(draft, role));
        return;
      }
      if (
        role.leaving === null &&
        !draft.state.detached &&
        endpoint &&
        draft.now >= link.retryAt + retryDelayMs(link, endpoint.session) &&
        draft.state.pending === null
      ) {
        if (latestOf(peer) > role.grant.epoch) {
          draft.become({ ...role, link: { kind: 'renumbering', proposal: proposeLater(draft, role.grant.epoch) } });
          settleServer(draft, currentPrimary(draft, role));
          return;
        }
        draft.become({ ...role, link: { kind: 'attaching', session: endpoint.session, failures: link.failures } });
        draft.operate({ kind: 'attach', endpoint, epoch: role.grant.epoch });
        return;
      }
      settleServer(draft, role);
      return;
    case 'attaching':
      settleServer(draft, role);
      return;
    case 'renumbering':
      draft.become({ ...role, link: { ...link, proposal: draft.repropose(link.proposal) } });
      settleServer(draft, currentPrimary(draft, role));
      return;
    case 'committing':
      if (link.proposal) {
        // The arbiter may have granted it already, and its answer be lost: the lease holds from the moment of asking.
        if (leaseOver(draft, role)) return;
        draft.become({ ...role, link: { ...link, proposal: draft.repropose(link.proposal) } });
      }
      settleServer(draft, currentPrimary(draft, role));
      return;
    case 'both':
      if (leaseOver(draft, role)) return;
      settleServer(draft, role);
      return;
    case 'parting':
      if (leaseOver(draft, role)) return;
      draft.become({ ...role, link: { ...link, proposal: draft.repropose(link.proposal) } });
      settleServer(draft, currentPrimary(draft, role));
      return;
    case 'lost': {
      // A server that does not run needs no killing; then the arbiter may take its time.
      if (
        (!serverIsDown(role.server) && isKillDue(draft, role, link.since)) ||
        draft.now - link.since > longestFreezeMs
      ) {
        fence(draft, `cut off from ${draft.config.peer} (${link.reason}) and from the arbiter${failureText(draft)}`);
        return;
      }
      draft.become({ ...role, link: { ...link, proposal: draft.repropose(link.proposal) } });
      return;
    }
    case 'goingAlone':
      return;
  }
}

/** Why the arbiter did not answer, when that was told. */
function failureText({ state }: Draft): string {
  return state.inquiry.failure === null ? '' : ` (${state.inquiry.failure})`;
}

function notJoined(draft: Draft, role: Primary): void {
  const { peer, self, module } = draft.config;
  const reason = `${peer} did not join in time`;
  // Without an arbiter the other host may have made itself primary in the same moment. One that was handed over from has not, nor has one
  // that offered this host a session.
  const isSafe = draft.config.arbiter !== 'none' || draft.mayPromoteWithoutPeer();
  const follows = role.link.kind === 'joining' && role.link.attaching !== null;
  if (isSafe || follows || role.grant.cause === 'switchover') lose(draft, role, reason);
  else {
    const what = `${reason}, and without an arbiter nobody tells whether it runs ${module}`;
    fence(draft, `${what}: bring ${peer} back, or if it is off for good, ${forceCommand(module, self)}`);
  }
}

function retryDelayMs(link: Extract<Link, { kind: 'none' }>, session: string): number {
  if (session !== link.lastSession) {
    // It began anew after it had failed: at once after the first time, later and later while its disk stays full, say.
    return link.failures < 2 ? 0 : Math.min(attachRetryMs * 2 ** (link.failures - 2), longestNewSessionRetryMs);
  }
  return Math.min(sameSessionRetryMs * 2 ** Math.max(0, link.failures - 1), longestSessionRetryMs);
}

/** The last moment at which a primary of a pair goes on without an answered heartbeat. */
export function primaryLeaseEnd(role: Primary, state: Parameters<typeof leaseBasisMs>[0]): number {
  return role.leaseFrom + leaseBasisMs(state) * leaseShare;
}

/** @param askedAt since when the arbiter is asked for this host alone */
function isKillDue({ now, state }: Draft, role: Primary, askedAt: number): boolean {
  const basisMs = leaseBasisMs(state);
  const silentMs = now - role.leaseFrom;
  if (silentMs > basisMs) return true;
  return silentMs > basisMs * killShare && now - askedAt > basisMs * answerShare;
}

/** Freezes and asks for this host alone when the lease is over. Returns whether it was. */
function leaseOver(draft: Draft, role: Primary): boolean {
  if (draft.now <= primaryLeaseEnd(role, draft.state)) return false;
  const silentMs = draft.now - role.leaseFrom;
  if (silentMs > leaseBasisMs(draft.state) && !serverIsDown(role.server)) {
    // It stood still itself. Nothing may be granted to it any more: a record that it does not go by would let it start once more by itself.
    const { self, peer } = draft.config;
    fence(
      draft,
      `${peer} answered no heartbeat for ${String(Math.round(silentMs))} ms and may have taken over from ${self}`,
    );
    return true;
  }
  draft.emit({ type: 'freeze' });
  const on = listText(draft.heardOn.map(({ network }) => network));
  lose(draft, role, `${draft.config.peer} answered no heartbeat${on && ` on ${on}`} for ${secondsText(silentMs)}`);
  return true;
}

function currentPrimary(draft: Draft, fallback: Primary): Primary {
  return draft.state.role.at === 'primary' ? draft.state.role : fallback;
}

/**
 * Whether the other host may run the server when an operator has forced this one. Who forces takes it for failed; one that is heard may have been
 * granted the module a moment before, which nobody knew here. It has to say that it runs nothing after it has learnt of this epoch.
 */
function mayRunThere(draft: Draft, role: Primary): boolean {
  const peer = draft.freshPeer();
  if (role.cause !== 'force' || role.server.kind !== 'held' || peer === null) return false;
  const { heardAt } = draft.state.peer;
  const hasSpokenSince = role.knownAt !== null && heardAt !== null && heardAt > role.knownAt;
  // With a link, but no role: what it served is being ended.
  return !hasSpokenSince || peer.role === 'primary' || peer.role === 'promoting' || peer.link !== 'none';
}

/** Starts the server when it may run and does not. */
function settleServer(draft: Draft, role: Primary): void {
  if (role.leaving !== null || mayRunThere(draft, role)) return;
  const due =
    role.server.kind === 'held' ||
    (role.server.kind === 'down' && draft.now >= role.server.restartAt) ||
    (role.server.kind === 'keptDown' && !isHeld(draft));
  if (!due) return;
  draft.become({ ...role, server: { kind: 'starting' } });
  draft.emit({ type: 'startServer', epoch: role.grant.epoch });
}

/** The secondary is gone: hold acknowledgements (the mirror already does, or was told to) and ask to go on alone. */
export function lose(draft: Draft, role: Primary, reason: string): void {
  draft.log(
    'warn',
    'SECONDARY_LOST',
    `${draft.config.module}: ${lostText(draft.config.peer, reason)}; acknowledgements wait until the arbiter records ${draft.config.self} alone`,
  );
  draft.become({
    ...role,
    link: { kind: 'lost', since: draft.now, reason, proposal: proposeAlone(draft, role.grant.epoch, reason) },
  });
}

export function proposeAlone(draft: Draft, epoch: number, reason: string, cause: Cause = 'failover'): Proposal {
  const { self, peer } = draft.config;
  const base = draft.tail()?.epoch ?? epoch;
  const because = lostText(peer, reason);
  return draft.propose(epoch, { epoch: epoch + 1, primary: self, inSync: [self], base, cause, because });
}

/** Alone as before, by an epoch that the other host's replica takes for a new one. */
function proposeLater(draft: Draft, epoch: number): Proposal {
  const { self, peer } = draft.config;
  const status = draft.freshPeer();
  const latest = Math.max(latestOf(status), draft.config.arbiter === 'none' ? (status?.record?.epoch ?? 0) : 0);
  const because = `${peer} has lived through epoch ${String(latest)}, and ${self} goes on`;
  const base = draft.tail()?.epoch ?? epoch;
  const later = Math.max(epoch, latest) + 1;
  return draft.propose(epoch, { epoch: later, primary: self, inSync: [self], base, cause: 'start', because });
}

function latestOf(peer: PeerStatus | null): number {
  return peer?.lineage.at(-1)?.epoch ?? 0;
}

/**
 * Without an arbiter: whether the other host waits with a history of its own of which the numbers are as high. Whoever serves has the later record,
 * so that the other one knows by it, after any crash, that it is not to start.
 */
function isOutnumbered(draft: Draft, role: Primary, peer: PeerStatus): boolean {
  const { state, config } = draft;
  if (config.arbiter !== 'none' || peer.role !== 'none' || role.leaving !== null || state.detached) return false;
  if (state.pending !== null) return false;
  const { lineage } = state.replica;
  const told = [peer.record ?? [], peer.lineage.at(-1) ?? []].flat();
  return told.some(
    (each) =>
      each.epoch >= role.grant.epoch &&
      each.primary !== config.self &&
      !lineage.some(({ epoch, primary }) => epoch === each.epoch && primary === each.primary),
  );
}

function proposeBoth(draft: Draft, epoch: number): Proposal {
  const { self, peer } = draft.config;
  const because = `${peer} was brought up to date`;
  const inSync = [self, peer];
  return draft.propose(epoch, { epoch: epoch + 1, primary: self, inSync, base: epoch, cause: 'start', because });
}

export function primaryPeerLost(draft: Draft, role: Primary, reason: string): void {
  const { link } = role;
  switch (link.kind) {
    case 'committing':
      if (link.proposal === null) {
        // The arbiter was not asked yet: its record still says this host alone, and nothing has to wait for it.
        draft.log(
          'warn',
          'RESYNC_INTERRUPTED',
          `${draft.config.module}: ${draft.config.peer} was lost again: ${reason}`,
        );
        draft.become({ ...role, link: { kind: 'goingAlone', reason } });
        draft.operate({ kind: 'goAlone', entry: entryOf(draft, role.grant) });
        return;
      }
      lose(draft, role, reason);
      return;
    case 'joining':
    case 'both':
    case 'parting':
      lose(draft, role, reason);
      return;
    case 'attaching':
      // Not counted as in sync yet: the mirror went on alone by itself.
      draft.log(
        'warn',
        'RESYNC_INTERRUPTED',
        `${draft.config.module}: resync into ${draft.config.peer} ended early: ${reason}`,
      );
      draft.state.pending = null;
      draft.become({
        ...role,
        link: {
          kind: 'none',
          reason,
          retryAt: draft.now + attachRetryMs,
          lastSession: link.session,
          failures: link.failures + 1,
        },
      });
      return;
    case 'none':
    case 'renumbering':
    case 'lost':
    case 'goingAlone':
      return;
  }
}

/** Both replicas are equal and durable. The follower enters the epoch durably before the arbiter is asked to count on it. */
export function primaryInStep(draft: Draft, role: Primary, replica: ReplicaFacts): void {
  draft.state.replica = replica;
  const { link, grant } = role;
  if (link.kind === 'attaching') {
    draft.become({ ...role, link: { kind: 'committing', session: link.session, proposal: null } });
  } else if (!(link.kind === 'joining' && link.attaching !== null)) {
    return;
  }
  draft.operate({ kind: 'enterEpoch', entry: entryOf(draft, grant) });
}

export function primaryOperationDone(draft: Draft, role: Primary, kind: string): void {
  const { link, grant } = role;
  if (kind === 'enterEpoch' && link.kind === 'joining' && link.attaching !== null) {
    draft.operate({ kind: 'holdOnPeerLoss' });
  } else if (kind === 'holdOnPeerLoss' && link.kind === 'joining' && link.attaching !== null) {
    paired(draft, role, link.attaching);
  } else if (kind === 'enterEpoch' && link.kind === 'committing') {
    if (link.proposal === null) draft.operate({ kind: 'holdOnPeerLoss' });
    else paired(draft, role, link.session);
  } else if (kind === 'holdOnPeerLoss' && link.kind === 'committing') {
    draft.become({ ...role, link: { ...link, proposal: proposeBoth(draft, grant.epoch) } });
  } else if (kind === 'goAlone' && link.kind === 'goingAlone') {
    const { reason } = link;
    const retryAt = draft.now + attachRetryMs;
    const next: Link = { kind: 'none', reason, retryAt, lastSession: null, failures: 0 };
    draft.log(
      'info',
      'ALONE',
      `${draft.config.module} goes on alone on ${draft.config.self} because ${lostText(draft.config.peer, reason)}; ${grantText(draft.config, grant.epoch)}`,
    );
    draft.become({ ...role, link: next });
    lookAtArbiter(draft);
  }
}

/** One that has forgotten the module could not be told while the other host might have replaced this one. */
function lookAtArbiter(draft: Draft): void {
  if (draft.config.arbiter !== 'none') draft.emit({ type: 'readArbiter' });
}

function paired(draft: Draft, role: Primary, session: string): void {
  draft.log(
    'info',
    'PAIR_IN_SYNC',
    `${draft.config.module}: ${draft.config.peer} is in sync with ${draft.config.self} by epoch ${String(role.grant.epoch)}`,
  );
  draft.become({ ...role, link: { kind: 'both', session } });
  if (role.link.kind === 'joining') lookAtArbiter(draft);
}

export function primaryOperationFailed(draft: Draft, role: Primary, kind: string, reason: string): void {
  const { link } = role;
  if (kind === 'attach' && link.kind === 'attaching') primaryPeerLost(draft, role, reason);
  else if (kind === 'goAlone') fence(draft, `going on alone failed: ${reason}`);
  else if (link.kind === 'joining' || link.kind === 'committing') primaryPeerLost(draft, role, reason);
}

export function primaryGranted(draft: Draft, role: Primary, record: ArbiterRecord): void {
  const { link } = role;
  if (proposalOf(link)?.record.proposal !== record.proposal) return;
  draft.learn(record);
  const entry = entryOf(draft, record);
  if (link.kind === 'lost' || link.kind === 'parting' || link.kind === 'renumbering') {
    const reason = link.kind === 'lost' ? link.reason : becauseOf(record);
    draft.become({ ...role, grant: record, link: { kind: 'goingAlone', reason } });
    draft.operate({ kind: 'goAlone', entry });
  } else {
    draft.become({ ...role, grant: record });
    draft.operate({ kind: 'enterEpoch', entry });
  }
}

export function primaryRefused(draft: Draft, role: Primary, proposalName: string, current: ArbiterRecord | null): void {
  const { link } = role;
  if (proposalOf(link)?.record.proposal !== proposalName) return;
  if (isForgetful(current, role)) {
    seed(draft, role, current);
    return;
  }
  draft.learn(current);
  if (current?.primary !== draft.config.self) return;
  // Our own earlier proposal had been granted and its answer was lost.
  const grant = current;
  if (link.kind === 'lost') {
    draft.become({ ...role, grant, link: { ...link, proposal: proposeAlone(draft, current.epoch, link.reason) } });
  } else if (link.kind === 'committing') {
    draft.become({ ...role, grant, link: { ...link, proposal: proposeBoth(draft, current.epoch) } });
  } else if (link.kind === 'renumbering') {
    draft.become({ ...role, grant, link: { ...link, proposal: proposeLater(draft, current.epoch) } });
  } else if (link.kind === 'parting') {
    const { because = '', cause } = link.proposal.record;
    draft.become({ ...role, grant, link: { ...link, proposal: proposeAlone(draft, current.epoch, because, cause) } });
  }
}

function proposalOf(link: Link): Proposal | null {
  return 'proposal' in link ? link.proposal : null;
}

/** A witness that was replaced, or restored from an old copy: it does not know by what this primary runs. */
export function isForgetful(held: ArbiterRecord | null, role: Primary): boolean {
  return held === null || held.epoch < role.grant.epoch;
}

/**
 * Gives a forgetful witness the record by which this primary runs. It may have forgotten that the other host has taken over since, so only a
 * primary that cannot have been replaced does so.
 */
export function seed(draft: Draft, role: Primary, held: ArbiterRecord | null): void {
  if (!isUndisturbed(draft, role)) return;
  const found = held === null ? 'no record' : `an old record (epoch ${String(held.epoch)})`;
  draft.log(
    'warn',
    'ARBITER_SEEDED',
    `the arbiter had ${found} of ${draft.config.module}: it gets that of epoch ${String(role.grant.epoch)}`,
  );
  draft.emit({ type: 'propose', proposal: { expect: held?.epoch ?? null, record: role.grant, retryAt: draft.now } });
}

/** Whether no other host can have been granted a later epoch: none is in sync but this one, or the other one has just been heard to follow. */
function isUndisturbed(draft: Draft, role: Primary): boolean {
  switch (role.link.kind) {
    case 'none':
    case 'attaching':
    case 'renumbering':
      return true;
    case 'committing':
    case 'both':
    case 'parting':
      return draft.now <= primaryLeaseEnd(role, draft.state);
    case 'joining':
    case 'lost':
    case 'goingAlone':
      return false;
  }
}

/** The server runs: report what brought it here, once. */
export function primaryServerRunning(draft: Draft, role: Primary): void {
  if (role.server.kind !== 'starting') return;
  const { cause, reported, firstSign, grant, promotedBy } = role;
  draft.state.lastingFailure = null;
  draft.become({ ...role, server: { kind: 'running' }, reported: true });
  const durationMs = Math.round(draft.now - firstSign);
  const { module, self, peer } = draft.config;
  draft.log('info', 'SERVER_RUNNING', `${module} runs on ${self} by epoch ${String(grant.epoch)}`, { durationMs });
  if (reported) return;
  const because = becauseOf(promotedBy);
  tellStarted(draft, promotedBy, durationMs);
  if (cause !== 'failover' && cause !== 'switchover' && cause !== 'force') return;
  draft.emit({
    type: 'reportFailover',
    kind: cause,
    from: cause === 'force' ? null : peer,
    cause: because,
    durationMs,
    epoch: promotedBy.epoch,
  });
}

/** The whole way that a module took, in one sentence. */
function tellStarted(draft: Draft, promotedBy: ArbiterRecord, durationMs: number): void {
  const { config } = draft;
  const { cause, epoch } = promotedBy;
  const [level, code, did] = {
    failover: ['warn', 'FAILED_OVER', 'failed over to'],
    switchover: ['info', 'SWITCHED_OVER', 'was moved to'],
    force: ['warn', 'STARTED_BY_FORCE', 'was started by force on'],
    start: ['info', 'STARTED', 'was started on'],
    restart: ['info', 'STARTED', 'was started on'],
    repair: ['info', 'STARTED', 'was started on'],
  }[cause] as ['info' | 'warn', string, string];
  const because = becauseOf(promotedBy);
  draft.log(level, code, `${config.module} ${did} ${config.self} because ${because}; ${grantText(config, epoch)}`, {
    epoch,
    because,
    durationMs,
  });
}

/** Stops serving at once, whatever waits: the guest must not act on, and nobody must count on, what is done here from now on. */
export function fence(draft: Draft, reason: string): void {
  draft.log('error', 'FENCED', `${draft.config.module} on ${draft.config.self} is stopped at once: ${reason}`);
  draft.become({ at: 'fencing', reason, retryAfterMs: 0 });
  draft.operate({ kind: 'fence' });
}
