/** Which of two hosts goes first when both could. */
import { fitter } from './conditions.ts';
import type { Draft } from './draft.ts';
import { freer } from './placement.ts';
import type { PeerStatus } from './types.ts';

/** Which host starts a module that both could start, and what decides that. */
export interface Preference {
  readonly host: 'self' | 'peer';
  readonly by: 'conditions' | 'drain' | 'antiAffinity' | 'order';
}

export function preferenceOf(draft: Draft, peer: PeerStatus): Preference {
  const { state, config } = draft;
  const fit = fitter(state, peer);
  if (fit !== null) return { host: fit, by: 'conditions' };
  const clear = undrained(draft, peer);
  if (clear !== null) return { host: clear, by: 'drain' };
  const free = freer(state, peer);
  if (free !== null) return { host: free, by: 'antiAffinity' };
  return { host: config.hosts[0] === config.self ? 'self' : 'peer', by: 'order' };
}

/** Which of the two is not drained; null: that makes no difference. */
function undrained({ config, state }: Draft, peer: PeerStatus): 'self' | 'peer' | null {
  // Only an arbiter stops the second one of two that each think themselves the first until they have heard of a drain.
  if (config.arbiter === 'none' || Boolean(state.drain) === Boolean(peer.drain)) return null;
  return state.drain ? 'peer' : 'self';
}

/** In words: "alpha is the preferred host", or "waiting for alpha, the preferred host, to start". */
export function whyFirst({ state, config }: Draft, { host, by }: Preference): string {
  const isSelf = host === 'self';
  switch (by) {
    case 'conditions':
      return isSelf ? 'alone meets the conditions to be primary' : 'which meets the conditions to be primary';
    case 'drain':
      return isSelf ? `goes first, as ${config.peer} is drained` : `as ${config.self} is drained`;
    case 'antiAffinity':
      return isSelf ? `keeps it apart, unlike ${config.peer}` : `as ${state.placement?.avoids ?? ''}`;
    case 'order':
      return isSelf ? 'is the preferred host' : 'the preferred host';
  }
}
