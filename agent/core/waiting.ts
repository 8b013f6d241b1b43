/** WAIT: what has to be true before this host may do anything, looked at again with every event. */
import { becauseOf, listText, secondsText, silenceText } from './because.ts';
import { detectionMsOf } from './detectionTimes.ts';
import { forkWithoutOrder, isGivenUp, partedFrom, peerYields, waitDiverged } from './divergence.ts';
import type { Draft } from './draft.ts';
import { isUnfinishedTakeOver } from './fencingPeer.ts';
import { follow } from './following.ts';
import { adviceWithoutPeer, awayText, forceCommand, waitForPeer } from './forceAdvice.ts';
import { inquire, inquiryPeriodMs, inquiryValidMs } from './inquiry.ts';
import { heldReason, isHeld } from './maintenance.ts';
import { isInDoubt } from './ownDisk.ts';
import { canTake, isHeldBack } from './placement.ts';
import { priorityLimitMs } from './placementRules.ts';
import { preferenceOf, whyFirst } from './preference.ts';
import { promote } from './promote.ts';
import type { ArbiterRecord, PeerStatus, Role } from './types.ts';

type Waiting = Extract<Role, { at: 'waiting' }>;

export function settleWaiting(draft: Draft, role: Waiting): void {
  const { state, config } = draft;
  if (state.desired.value === 'stopped' || state.shuttingDown) {
    if (state.mirror === 'following') {
      draft.become({ at: 'unfollowing' });
      draft.operate({ kind: 'unfollow' });
    } else {
      draft.become({ at: 'stopped' });
    }
    return;
  }
  if (role.parked || draft.now < role.retryAt) return;
  const peer = draft.freshPeer();
  if (peer?.role === 'primary' && peer.record && peer.record.epoch >= (state.record?.epoch ?? 0)) {
    follow(draft, peer);
    // Without an arbiter it keeps the record of who serves: then it knows after any crash that it is not to start.
    if (config.arbiter === 'none' && draft.state.role.at === 'waiting') inquire(draft);
    return;
  }
  if (isGivenUp(draft)) {
    // Without an arbiter this host may be the only one to have the record that the chosen one has to replace.
    inquire(draft);
    const takenBack = `takes that back and starts ${config.module} with what ${config.self} holds`;
    const advice = peer ? '' : adviceWithoutPeer(draft, takenBack);
    draft.wait(
      `an operator gave up the history of ${config.self}: waiting for ${config.peer} to become primary${advice}`,
    );
    return;
  }
  // It does not start what it has no room for: then this host goes on as before.
  if (draft.now < role.yieldUntil && !peer?.barred) {
    draft.wait(`handed over to ${config.peer}, waiting for it`, { yieldUntil: role.yieldUntil });
    return;
  }
  inquire(draft);
  // What was found by its last answer, until the next one tells otherwise.
  const kept = peer && role.diverged ? { diverged: role.diverged } : {};
  const { answeredAt, record, failure } = state.inquiry;
  if (answeredAt === null && failure === null && draft.now - role.since < inquiryPeriodMs) {
    draft.wait('asking the arbiter', kept);
    return;
  }
  if (answeredAt === null || draft.now - answeredAt > inquiryValidMs) {
    state.inquiry = { ...state.inquiry, unansweredAt: draft.now };
    const who = `${failure === null ? '' : ` (${failure})`}${peer ? '' : `, and ${config.peer} is silent`}`;
    draft.wait(
      `no answer from the arbiter${who}: starting needs an epoch from it; bring it back, or put an empty one in its place`,
      kept,
    );
    return;
  }
  if (peer && config.arbiter === 'none' && waitsBeside(draft, role, peer, record)) return;
  if (record === null || isOutdated(draft, peer, record)) withoutRecord(draft, role, peer, record);
  else withRecord(draft, role, peer, record);
}

/**
 * Without an arbiter the numbers of two histories tell nothing of each other: this host starts nothing beside one that serves, by whatever number,
 * and of two histories none unless both hosts know by the same record which one has gone on. Returns whether it waits, or does what an operator chose.
 */
function waitsBeside(draft: Draft, role: Waiting, peer: PeerStatus, record: ArbiterRecord | null): boolean {
  const { self, peer: peerName } = draft.config;
  if (peer.role === 'primary' || peer.role === 'promoting') {
    draft.wait(
      peer.role === 'primary'
        ? `${peerName} is primary by epoch ${String(peer.record?.epoch ?? 0)}`
        : `${peerName} is being promoted`,
    );
    return true;
  }
  const fork = partedFrom(draft, peer);
  const isOfOne = record?.inSync.length === 1;
  if (fork === null || (isOfOne && (record.primary === peerName || peer.record?.primary === self))) return false;
  if (!promoteChosen(draft, role, peer, record)) waitDiverged(draft, fork);
  return true;
}

/** A witness that was restored from an old copy: it does not know what this host, or the other one, has lived through since. */
function isOutdated(draft: Draft, peer: PeerStatus | null, record: ArbiterRecord): boolean {
  if (draft.config.arbiter === 'none') return false;
  const lived = [draft.tail()?.epoch, draft.state.record?.epoch, peer?.lineage.at(-1)?.epoch];
  return lived.some((epoch) => epoch !== undefined && epoch > record.epoch);
}

/** An operator keeps this history, and the other host has stopped. Returns whether it is so. */
function promoteChosen(draft: Draft, role: Waiting, peer: PeerStatus, replaced: ArbiterRecord | null): boolean {
  if (!draft.state.replica.consistent || !peerYields(draft, peer)) return false;
  promote(draft, {
    cause: 'force',
    expect: replaced?.epoch ?? null,
    inSync: [draft.config.self],
    base: draft.tail()?.epoch ?? 0,
    firstSign: role.since,
    because: `an operator keeps the history of ${draft.config.self}`,
    forced: true,
  });
  return true;
}

/** The arbiter knows the module. */
function withRecord(draft: Draft, role: Waiting, peer: PeerStatus | null, record: ArbiterRecord): void {
  const { config, state } = draft;
  const { self } = config;
  const peerName = config.peer;
  const told = peer?.lineage.at(-1)?.epoch ?? 0;
  if (config.arbiter === 'none' && (told > record.epoch || (peer?.record === null && told > 0))) {
    // The record that was read is older than what the peer lived through: it is read again before it decides anything.
    state.inquiry = { ...state.inquiry, answeredAt: null };
    draft.wait(`${peerName} has taken part in a later epoch than the record tells: asking again`);
    return;
  }
  // By a record that names this host alone it starts as ever. Any other one may ask for what the history that was given up holds, or count it.
  const isAlone = draft.inSyncBy(record) && !record.inSync.includes(peerName);
  if (peer && !isAlone && promoteChosen(draft, role, peer, record)) return;
  if (config.arbiter === 'none' && (draft.tail()?.epoch ?? 0) > record.epoch) {
    // This host followed when the record was changed, and was off before it had a copy of it.
    const copy = `this copy of the record (epoch ${String(record.epoch)})`;
    waitForPeer(draft, peer, record, `${copy} is older than the replica of ${self}`);
    return;
  }
  if (!record.inSync.includes(self)) {
    const lack = `${self} is not in sync since epoch ${String(record.epoch)}`;
    waitForPeer(draft, peer, record, lack, 'to bring it up to date');
    return;
  }
  if (!draft.inSyncBy(record)) {
    if (isInDoubt(state, record)) {
      waitForPeer(draft, peer, record, `both hosts were in sync when the disk of ${self} failed`);
      return;
    }
    const found = state.replica.consistent
      ? `ends at epoch ${String(draft.tail()?.epoch ?? 0)}`
      : state.replica.restorable
        ? `holds an unfinished resync, and what it was at epoch ${String(draft.tail()?.epoch ?? 0)} is kept`
        : 'holds an unfinished resync';
    const asked = `the arbiter's record asks for epoch ${String(record.base)}`;
    waitForPeer(draft, peer, record, `the replica of ${self} ${found}, ${asked}`);
    return;
  }
  if (isHeld(draft)) {
    draft.wait(heldReason(draft));
    return;
  }
  const base = draft.tail()?.epoch ?? record.base;
  // Forced, and stopped before that was durable here: what the other host has done since is as unknown as it was then.
  const isForced = record.cause === 'force' && record.primary === self && base < record.epoch;
  const start = (inSync: readonly string[], because: string): void => {
    if (isHeldBack(draft)) return;
    promote(draft, {
      cause: isForced
        ? 'force'
        : isUnfinishedTakeOver(draft, record) || (!peer && record.primary !== self)
          ? 'failover'
          : 'start',
      expect: record.epoch,
      inSync,
      base: inSync.length > 1 ? record.base : base,
      firstSign: role.since,
      because,
    });
  };
  if (!record.inSync.includes(peerName)) {
    if (config.arbiter === 'none' && !peer && draft.now - state.bootedAt < detectionMsOf(state)) {
      // It may have been forced while this host was off, and nobody else would know.
      draft.wait(`waiting to hear from ${peerName}`);
      return;
    }
    start([self], isForced ? becauseOf(record) : `${self} alone holds every acknowledged write`);
    return;
  }
  // Both hold everything. With the peer at hand the preferred host starts and takes the other along.
  if (peer) {
    const preference = preferenceOf(draft, peer);
    // It may have to wait for its turn there.
    const patience = 2 * detectionMsOf(state) + (peer.waitsFor === undefined ? 0 : priorityLimitMs);
    // From when they see each other: else both would start in the moment in which they do.
    const together = Math.max(role.since, state.clearedAt, state.peer.presentSince ?? draft.now);
    // The arbiter may be back for a moment only: the other host has to hear of it, too.
    const isPatient = draft.now - together <= patience || isJustAnswered(draft);
    if (peer.role === 'promoting') draft.wait(`${peerName} is being promoted`);
    else if (peer.desired.sequence !== state.desired.sequence) {
      draft.wait(`waiting for ${peerName} to learn what was asked for`);
    } else if (!canTake(peer)) {
      start(peer.able ? record.inSync : [self], `${peerName} holds everything as well, and cannot take it`);
    } else if (preference.host === 'self') {
      start(record.inSync, `both hosts hold everything, and ${self} ${whyFirst(draft, preference)}`);
    } else if (!isPatient) {
      start(record.inSync, `${peerName} was to start it, and did not within ${secondsText(patience)}`);
    } else {
      draft.wait(`waiting for ${peerName}, ${whyFirst(draft, preference)}, to start`);
    }
    return;
  }
  // Not at hand: it may be running and about to be heard, so the detection time passes first.
  const silentSince = Math.max(role.since, state.bootedAt, state.peer.heardAt ?? -Infinity);
  if (draft.now - silentSince < detectionMsOf(state)) {
    draft.wait(`waiting to hear from ${peerName}`);
  } else if (draft.mayPromoteWithoutPeer()) {
    start([self], unheardText(draft, role));
  } else {
    const why = config.automatic ? 'there is no arbiter' : 'automatic failover is off';
    const cost = config.arbiter === 'none' ? `without what ${peerName} may have written alone` : 'and loses nothing';
    draft.wait(
      `${peerName} is silent and ${why}: bring ${peerName} back, or if it is certain to be off, ${forceCommand(config.module, self)} starts ${config.module} ${cost}`,
    );
  }
}

/**
 * The arbiter has no record, or an old one: the module has never run, or the witness was replaced or restored. Both hosts have to be at hand.
 * @param outdated is replaced
 */
function withoutRecord(draft: Draft, role: Waiting, peer: PeerStatus | null, outdated: ArbiterRecord | null): void {
  const { config, state } = draft;
  const what = outdated === null ? 'has no record' : `has an old record (epoch ${String(outdated.epoch)})`;
  if (!peer) {
    draft.wait(
      `the arbiter ${what} of ${config.module}: waiting for ${config.peer}, ${awayText(draft)}, to see what both replicas hold${adviceWithoutPeer(draft)}`,
    );
    return;
  }
  if (peer.role === 'promoting' || peer.role === 'primary') {
    draft.wait(`the arbiter ${what} of ${config.module}, and ${config.peer} is ${peer.role} by a later one`);
    return;
  }
  if (isHeld(draft)) {
    draft.wait(heldReason(draft));
    return;
  }
  if (promoteChosen(draft, role, peer, outdated)) return;
  const fork = forkWithoutOrder(draft, peer);
  if (fork !== null) {
    waitDiverged(draft, fork);
    return;
  }
  const tail = draft.tail();
  const mine = state.replica.consistent ? (tail?.epoch ?? 0) : -1;
  const theirs = peer.consistent ? (peer.lineage.at(-1)?.epoch ?? 0) : -1;
  const [first, why] = mine === theirs ? firstOfEquals(draft, peer) : newerOf(draft, mine, theirs);
  if (first !== config.self) {
    draft.wait(`waiting for ${config.peer}, which ${why}, to start`);
    return;
  }
  if ((state.peer.heardAt ?? -Infinity) < (state.inquiry.answeredAt ?? Infinity)) {
    // What it said before the arbiter forgot may be out of date: it may have been granted an epoch since.
    draft.wait(`the arbiter ${what} of ${config.module}: waiting to hear from ${config.peer} what it holds now`);
    return;
  }
  if (isHeldBack(draft)) return;
  promote(draft, {
    cause: 'start',
    expect: outdated?.epoch ?? null,
    inSync: [config.self],
    base: Math.max(mine, 0),
    firstSign: draft.now,
    because: `the arbiter ${what} of it, and ${config.self} ${why}`,
  });
}

/** Whether the arbiter did not answer until a moment ago, in which the hosts may not have heard of it one as soon as the other. */
function isJustAnswered({ now, state }: Draft): boolean {
  return now - (state.inquiry.unansweredAt ?? -Infinity) <= inquiryValidMs;
}

/** Of a peer that is not at hand. */
function unheardText(draft: Draft, role: Waiting): string {
  const { heardAt } = draft.state.peer;
  const { self, peer } = draft.config;
  if (heardAt !== null) return silenceText(draft, draft.now - heardAt);
  const on = listText(draft.heardOn.map(({ network }) => network));
  const forMs = secondsText(draft.now - Math.max(role.since, draft.state.bootedAt));
  return `${peer} was not heard${on && ` on ${on}`} in the ${forMs} since ${self} began to wait for it`;
}

function newerOf({ config }: Draft, mine: number, theirs: number): [host: string, why: string] {
  return [mine > theirs ? config.self : config.peer, 'holds the newer replica'];
}

/** Which host starts when the lineages of both end alike. */
function firstOfEquals(draft: Draft, peer: PeerStatus): [host: string, why: string] {
  const { config, state } = draft;
  const last = draft.tail()?.primary;
  // It may have gone on in that epoch after the other one, which had just entered it, was lost again.
  if (last !== undefined && last === peer.lineage.at(-1)?.primary) return [last, 'was primary last'];
  // Neither was ever part of the module.
  if (state.replica.content !== peer.content) {
    return [state.replica.content ? config.self : config.peer, 'has the files'];
  }
  return [config.hosts[0], 'is the preferred host'];
}
