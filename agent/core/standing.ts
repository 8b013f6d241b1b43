/** How a module stands on this host as other modules see it, which share its room and its order. */
import { detectionMsOf } from './detectionTimes.ts';
import { isGivenUp } from './divergence.ts';
import { Draft } from './draft.ts';
import { isHeld } from './maintenance.ts';
import { canTake } from './placement.ts';
import { preferenceOf } from './preference.ts';
import type { ModuleCoreState, Role } from './types.ts';

export type Standing =
  /** It takes nothing here, and is not about to. */
  | 'away'
  /** Nobody serves it, and nothing but other modules keeps this host from starting it. */
  | 'candidate'
  | 'starting'
  /** Its server runs, or is about to run again. */
  | 'here';

/** Two modules that wait for the same host to be silent learn of it within so many milliseconds. */
const togetherMs = 100;
/** What the arbiter holds is known so soon after a module came to wait, or is not to be known. */
const settlingMs = 3000;

export function standingOf(state: ModuleCoreState, now: number): Standing {
  const { role } = state;
  switch (role.at) {
    case 'asking':
    case 'fencingPeer':
    case 'entering':
    case 'mounting':
      return 'starting';
    case 'primary':
      return role.leaving === null && (role.server.kind === 'held' || role.server.kind === 'starting')
        ? 'starting'
        : 'here';
    case 'fencing':
      return 'here';
    case 'waiting':
    case 'following':
      return isCandidate(new Draft(state, now, 'tick')) ? 'candidate' : 'away';
    case 'stopped':
    case 'releasing':
    case 'handingOver':
    case 'keepingAside':
    case 'startingToFollow':
    case 'unfollowing':
      return 'away';
  }
}

function isCandidate(draft: Draft): boolean {
  const { state, now } = draft;
  const { role, desired, record, peer } = state;
  if (desired.value === 'stopped' || state.shuttingDown || isHeld(draft)) return false;
  if (role.at === 'following') {
    const isSilent = peer.heardAt !== null && now - peer.heardAt >= detectionMsOf(state) - togetherMs;
    return isSilent && record !== null && draft.inSyncBy(record) && draft.mayPromoteWithoutPeer();
  }
  // The core has come as far as the question whether others come first, or is about to.
  return role.at === 'waiting' && (role.heldBack || isAboutToStart(draft, role));
}

function isAboutToStart(draft: Draft, role: Extract<Role, { at: 'waiting' }>): boolean {
  const { record, replica, inquiry } = draft.state;
  const isKept = role.parked || role.diverged !== null || draft.now < role.retryAt || draft.now < role.yieldUntil;
  if (isKept || isGivenUp(draft)) return false;
  const peer = draft.freshPeer();
  if (peer?.role === 'primary' || peer?.role === 'promoting') return false;
  const isSettling = draft.now - role.since < settlingMs;
  if (record === null) return replica.consistent && isSettling;
  // An arbiter that has forgotten it: the other host is waited for, however long that takes.
  const isForgotten = inquiry.answeredAt !== null && inquiry.record?.epoch !== record.epoch;
  if (isForgotten && !isSettling) return false;
  if (!draft.inSyncBy(record)) return false;
  return peer === null ? draft.mayPromoteWithoutPeer() : preferenceOf(draft, peer).host === 'self' || !canTake(peer);
}
