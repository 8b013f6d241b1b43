/** SECOND: following a primary, and taking over from it. */
import { silenceText } from './because.ts';
import { forkFrom, includes, isGivenUp, waitDiverged } from './divergence.ts';
import type { Draft } from './draft.ts';
import { heldReason, isHeld } from './maintenance.ts';
import { barredBy, goesAnyway, heldBackBy, isHeldBack } from './placement.ts';
import { enter, promote } from './promote.ts';
import { isToBeRepaired } from './repair.ts';
import type { ArbiterRecord, Endpoint, PeerStatus, Role } from './types.ts';

type Following = Extract<Role, { at: 'following' }>;

/** A primary that says for this long that it has no secondary does not use the session that is open here. */
const abandonedAfterMs = 2000;

/**
 * Begins to follow. A replica whose last configuration the primary took no part in is kept aside first, and so is one that is to be repaired;
 * when it holds a second history (it was primary alone, and another was forced), an operator has to choose before that.
 */
export function follow(draft: Draft, primary: PeerStatus): void {
  const epoch = primary.record?.epoch ?? 0;
  const tail = draft.tail();
  if (holdsItsOwn(draft, primary)) {
    const fork = forkFrom(draft, primary);
    if (fork && !isGivenUp(draft)) {
      waitDiverged(draft, fork);
      return;
    }
    const name = `${draft.config.self}-epoch-${String(tail?.epoch ?? 0)}`;
    const why = !tail
      ? 'holds files that are no copy of the module'
      : isToBeRepaired(draft, primary)
        ? `differs from ${draft.config.peer}, and an operator asked for a repair`
        : `was primary by epoch ${String(tail.epoch)}, unknown to ${draft.config.peer}`;
    if (draft.state.keepAsideFailure === null) {
      draft.log('warn', 'KEEPING_ASIDE', `${draft.config.self} ${why}: its content is kept aside before the resync`);
    }
    draft.become({ at: 'keepingAside', epoch, name });
    const { self: host, peer: kept } = draft.config;
    const reason = fork ? `an operator chose to keep ${kept}` : why;
    const { lineage } = draft.state.replica;
    draft.operate({
      kind: 'keepAside',
      name,
      about: { host, kept, reason, lineage: lineage.slice(-32), keptLineage: primary.lineage },
    });
    return;
  }
  startToFollow(draft, epoch);
}

/** Whether this replica holds what the primary cannot know of, or was found to differ. What an unfinished resync left behind was kept aside before it began. */
function holdsItsOwn(draft: Draft, primary: PeerStatus): boolean {
  const { replica, keptAside } = draft.state;
  const tail = draft.tail();
  if (keptAside === (tail?.epoch ?? 0) || !replica.consistent) return false;
  if (tail === null) return replica.content;
  if (isToBeRepaired(draft, primary)) return true;
  return !includes(draft, primary, tail);
}

export function startToFollow(draft: Draft, epoch: number): void {
  draft.state.keepAsideFailure = null;
  draft.become({ at: 'startingToFollow', epoch });
  draft.operate({ kind: 'follow', epoch });
}

export function followingStarted(draft: Draft, epoch: number, endpoint: Endpoint): void {
  draft.state.mirror = 'following';
  draft.become({
    at: 'following',
    epoch,
    endpoint,
    connected: false,
    connectedAt: -Infinity,
    spent: false,
    since: draft.now,
  });
}

export function settleFollowing(draft: Draft, role: Following): void {
  const { state, config } = draft;
  const peer = draft.freshPeer();
  if (state.shuttingDown || (state.desired.value === 'stopped' && peer?.role !== 'primary')) {
    draft.become({ at: 'unfollowing' });
    draft.operate({ kind: 'unfollow' });
    return;
  }
  if (!peer) {
    primarySilent(draft);
    return;
  }
  if (peer.role === 'primary') {
    // The primary gave up this session (or this epoch came after it): a fresh endpoint lets it attach again.
    const abandoned = role.connected && draft.now - role.connectedAt > abandonedAfterMs;
    if ((role.spent || abandoned) && peer.link === 'none') follow(draft, peer);
    return;
  }
  // A configuration that this host has been in already is over: a new one has to be asked for.
  const isNew = (peer.record?.epoch ?? 0) > (draft.tail()?.epoch ?? 0);
  if (peer.record?.primary === config.self && isNew && draft.inSyncBy(peer.record)) {
    // Several modules may have been handed over at once, and the room be taken: then the other host takes this one back, if it is still there.
    if (barredBy(state) === null || !isHeldBack(draft)) enter(draft, peer.record, draft.now);
    return;
  }
  if (peer.role === 'none' || peer.role === 'secondary') draft.wait(`${config.peer} is no longer primary`);
}

function primarySilent(draft: Draft): void {
  const { state, config } = draft;
  const { record } = state;
  if (!record || !draft.inSyncBy(record)) {
    draft.wait(`${config.peer} is silent and ${config.self} is not in sync`);
    return;
  }
  if (isGivenUp(draft)) {
    // Its own record, of the history that was given up, counts it as in sync.
    draft.wait(`${config.peer} is silent, and an operator gave up the history of ${config.self}`);
    return;
  }
  if (isHeld(draft)) {
    draft.wait(`${config.peer} is silent, and ${heldReason(draft)}`);
    return;
  }
  if (!draft.mayPromoteWithoutPeer()) {
    draft.wait(`${config.peer} is silent and automatic failover is off`);
    return;
  }
  const heardAt = state.peer.heardAt ?? draft.now;
  if (isHeldBack(draft, `${config.peer} is silent, and `)) {
    // What it waits for from here on has nothing to do with the other host: that one's time is over.
    if (state.role.at === 'waiting') draft.become({ ...state.role, since: heardAt });
    return;
  }
  const because = silenceText(draft, draft.now - heardAt);
  draft.log('warn', 'PRIMARY_SILENT', `${because}: ${config.self} asks the arbiter to take over ${config.module}`);
  askToTakeOver(draft, record, heardAt, because);
}

function askToTakeOver(
  draft: Draft,
  record: ArbiterRecord,
  firstSign: number,
  because: string,
  peerEnded = false,
): void {
  promote(draft, {
    cause: 'failover',
    expect: record.epoch,
    inSync: [draft.config.self],
    base: draft.tail()?.epoch ?? record.base,
    firstSign,
    because,
    peerEnded,
  });
}

/**
 * The primary's own word that it has ended spares the detection time, and nothing else: the arbiter is asked as ever, and where a silent
 * primary would not be replaced this one is not either.
 */
export function primaryEnded(draft: Draft, role: Following, epoch: number): void {
  const { state, config } = draft;
  const { record } = state;
  // The word of another configuration than the newest one that is known: that is over, or this host does not know yet what it counts for.
  if (!role.connected || record?.epoch !== epoch || record.primary !== config.peer || !draft.inSyncBy(record)) return;
  if (state.shuttingDown || state.desired.value === 'stopped' || isHeld(draft)) return;
  // Held back by other modules: so it is when the detection time is over.
  if (!draft.mayPromoteWithoutPeer() || heldBackBy(state) !== null) return;
  const because = `the agent of ${config.peer} died, and its mirror process has ended the server`;
  const heldBack = goesAnyway(state) ? null : (state.placement?.heldBackWithAll ?? null);
  if (heldBack !== null) {
    // Those that come first may not have ended yet: they would find the room taken, or start after this one. When the detection time is over,
    // their order decides.
    draft.log(
      'info',
      'PRIMARY_ENDED',
      `${because}; others come first, and once the detection time is over ${heldBack}`,
    );
    return;
  }
  draft.log('warn', 'PRIMARY_ENDED', `${because}: ${config.self} asks the arbiter to take over ${config.module}`);
  askToTakeOver(draft, record, draft.now, because, true);
}
