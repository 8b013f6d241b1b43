/**
 * Two histories: a replica that was primary alone while the other host was forced (or went on alone without an arbiter). Nothing of it is
 * overwritten until an operator has chosen whose history goes on.
 */
import type { Draft } from './draft.ts';
import { rangesOf } from './lineage.ts';
import { yieldsTie } from './tie.ts';
import type { ArbiterRecord, Fork, LineageEntry, LineageRange, PeerStatus, Resolution } from './types.ts';

/** What this replica's lineage remembers of a configuration. */
export function entryOf(draft: Draft, record: ArbiterRecord): LineageEntry {
  const { epoch, primary, inSync, cause } = record;
  const alone = inSync.length === 1;
  return {
    ...{ epoch, primary },
    ...(cause === 'force' || (alone && draft.config.arbiter === 'none') ? { apart: true } : {}),
    ...(alone ? { alone } : {}),
    ...(cause === 'repair' ? { repair: true } : {}),
  };
}

function knows(ranges: readonly LineageRange[], { epoch, primary }: LineageEntry): boolean {
  return ranges.some((range) => range.from <= epoch && epoch <= range.epoch && range.primary === primary);
}

/** What the lineage goes on with after an epoch that it knows. */
function rangeAfter(ranges: readonly LineageRange[], epoch: number): LineageRange | null {
  return ranges.find((range) => range.epoch > epoch) ?? null;
}

/**
 * Whether the primary's history has everything of this replica's last epoch. Where this host was alone in it, it may have gone on when the
 * other one, which had just been brought up to date, was lost again; and then that one was forced.
 */
export function includes({ config }: Draft, primary: PeerStatus, tail: LineageEntry): boolean {
  if (!knows(primary.lineage, tail)) return false;
  const next = rangeAfter(primary.lineage, tail.epoch);
  const wentOn = tail.alone === true && tail.primary === config.self;
  return !(wentOn && next !== null && next.from > tail.epoch && next.apart === true);
}

/** Whether a history is, or goes on from, the one that was given up, and not the one that was kept and went apart behind it. */
function holdsLost(ranges: readonly LineageRange[], lost: LineageEntry, keep: string | null): boolean {
  if (!knows(ranges, lost)) return false;
  const next = rangeAfter(ranges, lost.epoch);
  return !(next !== null && next.from > lost.epoch && next.apart === true && next.primary === keep);
}

/**
 * Where the history of this consistent replica parts from the primary's; null when it is a part of it. A last epoch that the primary does not
 * know makes no second history by itself: without a force, only a replica that holds every acknowledged write can have followed.
 */
export function forkFrom(draft: Draft, primary: PeerStatus): Fork | null {
  const tail = draft.tail();
  const other = primary.lineage.at(-1);
  if (tail === null || !other || includes(draft, primary, tail)) return null;
  const { lineage } = draft.state.replica;
  const common = lineage.findLast((entry) => knows(primary.lineage, entry))?.epoch ?? 0;
  const wentApart =
    primary.lineage.some((range) => range.apart === true && range.from > common) ||
    lineage.some((entry) => entry.apart === true && entry.epoch > common);
  if (!wentApart) return null;
  return { common, own: tail, other: { epoch: other.epoch, primary: other.primary } };
}

/**
 * Two histories of which the numbers do not tell which one an operator wanted last: an arbiter that had forgotten everything granted a force
 * by a number that is lower than what the other host had lived through, or as high. Null: there is one history, or the later number is the forced
 * one, or one of the two holds an unfinished resync, which is no history: what it held before was settled then.
 */
export function forkWithoutOrder(draft: Draft, peer: PeerStatus): Fork | null {
  const fork = draft.state.replica.consistent && peer.consistent ? forkFrom(draft, peer) : null;
  if (fork === null) return null;
  const isForced = {
    own: draft.state.replica.lineage.some(({ epoch, apart }) => apart === true && epoch > fork.common),
    other: peer.lineage.some(({ from, apart }) => apart === true && from > fork.common),
  };
  const earlier = fork.own.epoch < fork.other.epoch ? isForced.own : isForced.other;
  return earlier || (fork.own.epoch === fork.other.epoch && isForced.own) ? fork : null;
}

/**
 * Where two histories part of which each has what the other does not; null: one of them goes on from the other, or a replica is none, as a
 * resync into it is unfinished.
 */
export function partedFrom(draft: Draft, peer: PeerStatus): Fork | null {
  if (!draft.state.replica.consistent || !peer.consistent) return null;
  const fork = forkFrom(draft, peer);
  return fork !== null && !hasAllOf(draft, peer) ? fork : null;
}

/** The same as {@link includes}, with the roles exchanged. What is told of a lineage does not say of the last epoch whether it was one alone. */
function hasAllOf({ config, state }: Draft, peer: PeerStatus): boolean {
  const theirs = peer.lineage.at(-1);
  const own = rangesOf(state.replica.lineage);
  if (theirs === undefined || !knows(own, theirs)) return theirs === undefined;
  const next = rangeAfter(own, theirs.epoch);
  const wentOn = theirs.apart === true && theirs.from === theirs.epoch && theirs.primary === config.peer;
  return !(wentOn && next !== null && next.from > theirs.epoch && next.apart === true);
}

/**
 * Without an arbiter each host numbers the epochs of its own history: then a record of another one says nothing of what this host may do, however
 * high its number is, unless its host serves by it. Whether what the peer tells is such a record.
 */
export function tellsOfAnotherHistory(draft: Draft, peer: PeerStatus): boolean {
  const { config, role, record } = draft.state;
  if (config.arbiter !== 'none' || peer.role === 'primary' || peer.record?.primary === config.self) return false;
  if (role.at === 'primary') {
    const tail = draft.tail();
    return tail === null || !includes(draft, peer, tail);
  }
  // An operator has decided, and what this host enters is not in its lineage yet.
  if ((role.at === 'entering' || role.at === 'mounting') && role.grant.cause === 'force') return true;
  // It goes by the other history already.
  if (record?.primary === config.peer) return false;
  return partedFrom(draft, peer) !== null;
}

/** Whether an operator has given up the history that this replica holds. */
export function isGivenUp(draft: Draft): boolean {
  const { resolution, replica } = draft.state;
  if (!resolution?.lost || resolution.keep !== draft.config.peer) return false;
  return holdsLost(rangesOf(replica.lineage), resolution.lost, resolution.keep);
}

/** Whether the peer has learnt that its history is given up for this one, and does not run it any more. */
export function peerYields(draft: Draft, peer: PeerStatus): boolean {
  const { resolution } = draft.state;
  if (!resolution?.lost) return false;
  return (
    resolution.keep === draft.config.self &&
    peer.resolution?.sequence === resolution.sequence &&
    peer.resolution.keep === resolution.keep &&
    peer.role === 'none' &&
    holdsLost(peer.lineage, resolution.lost, resolution.keep)
  );
}

/** A choice was made and has not been carried out: one of the two still holds the history that is given up. */
export function isUnderWay(draft: Draft): boolean {
  const { resolution, config } = draft.state;
  if (!resolution?.lost) return false;
  if (resolution.keep === config.peer) return isGivenUp(draft);
  const peer = draft.freshPeer();
  return peer !== null && holdsLost(peer.lineage, resolution.lost, resolution.keep);
}

/** The later word of the two hosts holds. */
export function learnResolution(draft: Draft, told: Resolution | null): void {
  const { resolution, config } = draft.state;
  if (!told) return;
  const later = told.sequence > (resolution?.sequence ?? 0);
  const tied = told.sequence === resolution?.sequence && told.keep !== resolution.keep && yieldsTie(config);
  if (later || tied) decide(draft, told);
}

/** Durable before anything is done about it. */
export function decide(draft: Draft, resolution: Resolution): void {
  draft.state.resolution = resolution;
  draft.emit({ type: 'saveResolution', resolution });
}

/** What to say of a fork on the host that has to wait. */
export function forkReason(draft: Draft, { common, own, other }: Fork): string {
  const { module, self, peer } = draft.config;
  return (
    `diverged: ${self} (epoch ${String(own.epoch)}) and ${peer} (epoch ${String(other.epoch)}) both went on after ` +
    `${common === 0 ? 'they began' : `epoch ${String(common)}`}, and each may hold writes that the other does not. ` +
    `Nothing is overwritten until you choose: \`understudy resolve ${module} --keep ${peer}\` or \`--keep ${self}\``
  );
}

/** Waits for the operator's choice, and says so once. */
export function waitDiverged(draft: Draft, fork: Fork): void {
  const { role } = draft.state;
  const known = role.at === 'waiting' && role.diverged?.own.epoch === fork.own.epoch;
  const chosen = draft.state.resolution?.keep === draft.config.self && isUnderWay(draft);
  if (!known) draft.log('error', 'DIVERGED', `${draft.config.module}: ${forkReason(draft, fork)}`);
  draft.wait(
    chosen
      ? `an operator keeps ${draft.config.self}: waiting for ${draft.config.peer} to stop its server`
      : forkReason(draft, fork),
    { diverged: fork },
  );
}
