/**
 * The host that is taken over from is fenced by command (IPMI, a power switch) before its module starts here. Only after the grant: of two
 * hosts that have lost sight of each other one is granted, and nobody else fences. Before the epoch is entered: so a host that crashes in
 * between knows that it has not done it yet.
 */
import type { Draft } from './draft.ts';
import { enter } from './promote.ts';
import { refusal, type Refusal } from './refusal.ts';
import type { ArbiterRecord, ModuleCoreState, Role } from './types.ts';

type FencingPeer = Extract<Role, { at: 'fencingPeer' }>;

const retryMs = 10_000;
/** A host that is heard learns that it was deposed, and stops by itself: it is fenced when it has not in so many detection times. */
const patience = 2;

/** The record names this host: the other one is fenced first if that is what the cluster file says, and it was taken over from. */
export function takeOver(draft: Draft, grant: ArbiterRecord, firstSign: number, peerEnded: boolean): void {
  const isDown = peerEnded || peerHasStopped(draft, grant);
  if (draft.config.fencePeer === 'never' || grant.cause !== 'failover' || isDown) {
    enter(draft, grant, firstSign);
    return;
  }
  draft.learn(grant);
  draft.become({
    at: 'fencingPeer',
    cause: grant.cause,
    firstSign,
    grant,
    since: draft.now,
    failure: null,
    retryAt: draft.now,
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

export function settleFencingPeer(draft: Draft, role: FencingPeer): void {
  const { state, config } = draft;
  const { desired, shuttingDown, record } = state;
  if (desired.value === 'stopped' || shuttingDown) {
    giveUp(draft, 'stopping');
    return;
  }
  if (record && record.proposal !== role.grant.proposal && record.epoch >= role.grant.epoch) {
    giveUp(draft, `${record.primary} is primary by epoch ${String(record.epoch)}`);
    return;
  }
  if (peerHasStopped(draft, role.grant)) {
    draft.log('info', 'FENCE_NOT_NEEDED', `${config.peer} is heard again, and has ended ${config.module} by itself`);
    goOn(draft, role);
    return;
  }
  const stopsByItself = draft.freshPeer() !== null && draft.now - role.since < patience * config.detectionMs;
  if (state.pending === 'fencePeer' || draft.now < role.retryAt || stopsByItself) return;
  draft.log('warn', 'FENCING_PEER', `${config.peer} is fenced before ${config.module} starts on ${config.self}`);
  draft.operate({ kind: 'fencePeer' });
}

export function peerFenced(draft: Draft, role: FencingPeer, how: string | null): void {
  const { peer, module } = draft.config;
  draft.log(
    'warn',
    'PEER_FENCED',
    `${peer} is fenced${how === null ? '' : ` (${how})`}: it cannot run ${module} any more`,
  );
  enter(draft, role.grant, role.firstSign);
}

export function peerNotFenced(draft: Draft, role: FencingPeer, reason: string): void {
  const { peer, self, module, fencePeer } = draft.config;
  if (fencePeer === 'continue') {
    const why = `${module} is started on ${self} all the same, as the arbiter has granted it`;
    draft.log('error', 'FENCE_PEER_FAILED', `${peer} could not be fenced (${reason}): ${why}`);
    enter(draft, role.grant, role.firstSign);
    return;
  }
  draft.log('error', 'FENCE_PEER_FAILED', `${peer} could not be fenced (${reason}): ${notFencedAdvice(draft.config)}`);
  draft.become({ ...role, failure: reason, retryAt: draft.now + retryMs });
}

/** What an operator may do about it. */
export function notFencedAdvice({ peer, self, module }: Draft['config']): string {
  return (
    `tried again until it works or ${peer} is back; if ${peer} is certain to be off, ` +
    `start ${module} with \`understudy force-primary ${module} --host ${self}\``
  );
}

/** An operator answers for the other host. */
export function forceUnfenced(draft: Draft, role: FencingPeer): Refusal | null {
  const { module, self, peer } = draft.config;
  if (draft.freshPeer()) {
    return refusal('NOT_FAILED', `${peer} is reachable and ends ${module} by itself: try again in a moment`);
  }
  draft.log('warn', 'FORCED', `an operator forces ${self} as primary of ${module}, although ${peer} was not fenced`);
  goOn(draft, role);
  return null;
}

function goOn(draft: Draft, role: FencingPeer): void {
  draft.state.pending = null;
  enter(draft, role.grant, role.firstSign);
}

/** What comes of a fencing that is under way does not matter any more. */
function giveUp(draft: Draft, reason: string): void {
  draft.state.pending = null;
  draft.wait(reason);
}

/** Whether `host` could be granted a module that this host is primary of by the record, and would then fence this one. */
export function mayBeTakenBy(host: string, { config, record }: ModuleCoreState): boolean {
  return config.peer === host && record?.primary === config.self && record.inSync.includes(host);
}
