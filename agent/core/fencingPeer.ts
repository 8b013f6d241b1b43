/**
 * The host that is taken over from is fenced by command (IPMI, a power switch) before its module starts here. Only after the grant: of two
 * hosts that have lost sight of each other one is granted, and nobody else fences. Before the epoch is entered: so a host that crashes in
 * between knows that it has not done it yet. It may take long, and the other host may have been granted the module meanwhile, by an operator:
 * so the arbiter is asked again and again, and nobody is fenced and nothing entered by a grant that it has not confirmed just now.
 */
import type { Draft } from './draft.ts';
import { forceCommand } from './forceAdvice.ts';
import { inquire, inquiryValidMs } from './inquiry.ts';
import { primaryLeaseEnd } from './primary.ts';
import { enter } from './promote.ts';
import { refusal, type Refusal } from './refusal.ts';
import type { ArbiterRecord, ModuleCoreState, Role } from './types.ts';

type FencingPeer = Extract<Role, { at: 'fencingPeer' }>;

const retryMs = 10_000;
/** A host that is heard learns that it was deposed, and stops by itself: it is fenced when it has not in so many detection times. */
const patience = 2;

/** The record names this host: the other one is fenced first if that is what the cluster file says, and it was taken over from. */
export function takeOver(draft: Draft, grant: ArbiterRecord, asking: Extract<Role, { at: 'asking' }>): void {
  const { firstSign, peerEnded } = asking;
  const isAsked = draft.config.fencePeer !== 'never' && grant.cause === 'failover';
  if (isAsked && !peerEnded && !peerHasStopped(draft, grant)) {
    if (!peerStoppedBefore(draft, asking.proposal.expect)) {
      fenceFirst(draft, grant, firstSign);
      return;
    }
    const { peer, module } = draft.config;
    draft.log('info', 'FENCE_NOT_NEEDED', `${peer} had ended ${module} before it fell silent, and may not start it`);
  }
  enter(draft, grant, firstSign);
}

function fenceFirst(draft: Draft, grant: ArbiterRecord, firstSign: number): void {
  const { now } = draft;
  draft.learn(grant);
  // The grant is the arbiter's answer, too.
  draft.state.inquiry = { askedAt: now, answeredAt: now, record: grant, failure: null };
  draft.become({
    at: 'fencingPeer',
    cause: grant.cause,
    firstSign,
    grant,
    since: now,
    failure: null,
    retryAt: now,
    isDone: false,
    isUnconfirmed: false,
  });
}

/** The record is that of a take-over by this host which has never entered it: whether the other one was fenced nobody knows. */
export function isUnfinishedTakeOver(draft: Draft, record: ArbiterRecord): boolean {
  const { self, peer, fencePeer } = draft.config;
  const tail = draft.tail();
  return (
    fencePeer !== 'never' &&
    record.primary === self &&
    record.cause === 'failover' &&
    tail?.primary === peer &&
    tail.epoch < record.epoch
  );
}

/** It is heard, knows that it was deposed, and has ended what it ran. */
function peerHasStopped(draft: Draft, grant: ArbiterRecord): boolean {
  const peer = draft.freshPeer();
  if (peer === null || (peer.record?.epoch ?? 0) < grant.epoch) return false;
  return peer.role === 'secondary' || (peer.role === 'none' && peer.link === 'none');
}

/**
 * It said, however long ago, that it had ended what it ran by the record that this host's grant has replaced, or by an earlier one. A new start
 * needs a new record, and the arbiter cannot have granted it one: it would not have replaced that one by ours.
 * @param replaced epoch of that record
 */
function peerStoppedBefore({ state, config }: Draft, replaced: number | null): boolean {
  const { status } = state.peer;
  if (config.arbiter === 'none' || replaced === null || status?.record?.epoch !== replaced) return false;
  // One that has not entered that epoch may do so still.
  const hasEntered = (status.lineage.at(-1)?.epoch ?? 0) >= replaced;
  return hasEntered && status.role === 'none' && status.link === 'none';
}

export function settleFencingPeer(draft: Draft, role: FencingPeer): void {
  const { state, config } = draft;
  const { desired, shuttingDown, record } = state;
  if (desired.value === 'stopped' || shuttingDown) {
    giveUp(draft, desired.value === 'stopped' ? 'it is stopped' : `the agent of ${config.self} is stopped`);
    return;
  }
  if (record && record.proposal !== role.grant.proposal && record.epoch >= role.grant.epoch) {
    giveUp(draft, `${record.primary} is primary by epoch ${String(record.epoch)}`);
    return;
  }
  inquire(draft);
  const held = arbiterSays(draft, role);
  if (held === 'other') {
    giveUp(draft, 'the arbiter holds another record');
    return;
  }
  const why = role.isDone ? null : whyNotNeeded(draft, role);
  if (why !== null) draft.log('info', 'FENCE_NOT_NEEDED', why);
  if (why !== null || role.isDone) {
    state.pending = null;
    if (held === 'ours') enter(draft, role.grant, role.firstSign);
    else if (!role.isDone || !role.isUnconfirmed) draft.become({ ...role, isDone: true, isUnconfirmed: true });
    return;
  }
  const isUnderWay = state.pending === 'fencePeer';
  const stopsByItself = draft.freshPeer() !== null && draft.now - role.since < patience * config.detectionMs;
  if (!isUnderWay && (draft.now < role.retryAt || stopsByItself)) return;
  const isUnconfirmed = held !== 'ours';
  if (role.isUnconfirmed !== isUnconfirmed) draft.become({ ...role, isUnconfirmed });
  if (isUnderWay || isUnconfirmed) return;
  draft.log('warn', 'FENCING_PEER', `${config.peer} is fenced before ${config.module} starts on ${config.self}`);
  draft.operate({ kind: 'fencePeer' });
}

/** What it holds by its last answer, if that is new enough to count. */
function arbiterSays({ state, now }: Draft, role: FencingPeer): 'ours' | 'other' | null {
  const { answeredAt, record } = state.inquiry;
  if (answeredAt === null || now - answeredAt > inquiryValidMs) return null;
  if (record?.proposal === role.grant.proposal) return 'ours';
  // A question from before the grant may be answered after it.
  return now - role.since > inquiryValidMs ? 'other' : null;
}

function whyNotNeeded(draft: Draft, { grant }: FencingPeer): string | null {
  const { peer, module, fencePeer } = draft.config;
  if (fencePeer === 'never') return `the cluster file does not ask any more for ${peer} to be fenced`;
  return peerHasStopped(draft, grant) ? `${peer} is heard again, and has ended ${module} by itself` : null;
}

export function peerFenced(draft: Draft, role: FencingPeer, how: string | null): void {
  const { peer, module } = draft.config;
  draft.log(
    'warn',
    'PEER_FENCED',
    `${peer} is fenced${how === null ? '' : ` (${how})`}: it cannot run ${module} any more`,
  );
  draft.become({ ...role, isDone: true });
}

export function peerNotFenced(draft: Draft, role: FencingPeer, reason: string): void {
  const { peer, self, module, fencePeer } = draft.config;
  if (role.isUnconfirmed) {
    // There may be devices that were not used because of that.
    const when = `tried again when the arbiter has confirmed that ${self} may still start ${module}`;
    draft.log('error', 'FENCE_PEER_FAILED', `${peer} could not be fenced (${reason}): ${when}`);
    draft.become({ ...role, failure: reason });
    return;
  }
  if (fencePeer !== 'wait') {
    const why = `${module} is started on ${self} all the same, as the arbiter has granted it`;
    draft.log('error', 'FENCE_PEER_FAILED', `${peer} could not be fenced (${reason}): ${why}`);
    draft.become({ ...role, isDone: true });
    return;
  }
  draft.log('error', 'FENCE_PEER_FAILED', `${peer} could not be fenced (${reason}): ${notFencedAdvice(draft.config)}`);
  draft.become({ ...role, failure: reason, retryAt: draft.now + retryMs });
}

/** What an operator may do about it. */
export function notFencedAdvice({ peer, self, module }: Draft['config']): string {
  return (
    `tried again until it works or ${peer} is back; if ${peer} is certain to be off, ` +
    `start ${module} with ${forceCommand(module, self)}`
  );
}

/** What people see of it. */
export function fencingPeerText(config: ModuleCoreState['config'], role: FencingPeer): string {
  const { peer, self, module } = config;
  const failed = role.failure && `${peer} could not be fenced (${role.failure}): ${notFencedAdvice(config)}`;
  if (role.isUnconfirmed) {
    const asked = `the arbiter has to confirm first that ${self} may still start ${module}, and does not answer`;
    return role.failure === null || role.isDone ? asked : `${asked}; ${peer} could not be fenced (${role.failure})`;
  }
  return failed ?? `fencing ${peer} before becoming primary`;
}

/** Why nothing starts here yet that could otherwise: the other host could not be fenced. Null: it may still be, or is. */
export function whyNotFenced(role: Role): string | null {
  return role.at === 'fencingPeer' && !role.isDone ? role.failure : null;
}

/** An operator answers for the other host. */
export function forceUnfenced(draft: Draft, role: FencingPeer, arbiterReachable: boolean): Refusal | null {
  const { module, self, peer } = draft.config;
  if (draft.freshPeer()) {
    return refusal('NOT_FAILED', `${peer} is reachable and ends ${module} by itself: try again in a moment`);
  }
  if (!arbiterReachable) {
    return refusal(
      'ARBITER_UNREACHABLE',
      `the arbiter does not answer, and may have granted ${module} to ${peer} meanwhile: bring it back first`,
    );
  }
  draft.log('warn', 'FORCED', `an operator forces ${self} as primary of ${module}, although ${peer} was not fenced`);
  draft.become({ ...role, isDone: true });
  return null;
}

/** What comes of a fencing that is under way does not matter any more. */
function giveUp(draft: Draft, reason: string): void {
  const { peer, self, module } = draft.config;
  draft.log('info', 'TAKE_OVER_GIVEN_UP', `${self} does not take ${module} over from ${peer} any more: ${reason}`);
  draft.state.pending = null;
  draft.wait(reason);
}

/** Whether this module waits for `host` to be fenced, has asked for that, and may still: no further device is used otherwise. */
export function wantsFenced(host: string, { config, role, pending }: ModuleCoreState): boolean {
  return config.peer === host && role.at === 'fencingPeer' && pending === 'fencePeer' && !role.isUnconfirmed;
}

/**
 * Whether `host` could be granted a module that this host is primary of by the record, or has been, and would then fence this one. To be fenced
 * by each other costs both hosts: so it may, unless it is certain that it may not.
 * @param since when this host began to want `host` fenced
 */
export function mayBeTakenBy(host: string, core: ModuleCoreState, now: number, since: number): boolean {
  const { config, record } = core;
  if (config.peer !== host || record === null || isStoppedThere(core)) return false;
  // Granted already.
  if (record.primary === host) return record.cause === 'failover' && !isEntered(core, record.epoch);
  return record.primary === config.self && record.inSync.includes(host) && !isAnswered(core, now, since);
}

/** Who has entered an epoch has done its fencing for it, and whoever follows is not fenced. */
function isEntered({ replica, peer }: ModuleCoreState, epoch: number): boolean {
  return [replica.lineage, peer.status?.lineage ?? []].some((lineage) => (lineage.at(-1)?.epoch ?? 0) >= epoch);
}

/** It said, however long ago, that it knows that the module is to be stopped, and that it was not about to become primary: it does not by itself. */
function isStoppedThere({ desired, peer: { status } }: ModuleCoreState): boolean {
  return (
    desired.value === 'stopped' &&
    status?.desired.value === 'stopped' &&
    status.desired.sequence >= desired.sequence &&
    status.role !== 'promoting'
  );
}

/** What was sent since has been answered, and the lease by that is not over: it lives, hears the primary, and waits for it anew. */
function isAnswered(core: ModuleCoreState, now: number, since: number): boolean {
  const { role } = core;
  return role.at === 'primary' && role.leaseFrom > since && now <= primaryLeaseEnd(role, core);
}
