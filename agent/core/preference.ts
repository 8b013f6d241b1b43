/** Which of two hosts goes first when both could. */
import { fitter } from './conditions.ts';
import type { Draft } from './draft.ts';
import { freer } from './placement.ts';
import type { PeerStatus } from './types.ts';

/** Whether this host starts a module that both could start. */
export function isPreferred(draft: Draft, peer: PeerStatus): boolean {
  const { state, config } = draft;
  const chosen = fitter(state, peer) ?? freer(state, peer);
  return chosen === null ? goesFirst(draft, peer) === config.self : chosen === 'self';
}

export function goesFirst({ config, state }: Draft, peer: PeerStatus): string {
  const [first] = config.hosts;
  // Only an arbiter stops the second one of two that each think themselves the first until they have heard of a drain.
  if (config.arbiter === 'none' || Boolean(state.drain) === Boolean(peer.drain)) return first;
  return state.drain ? config.peer : config.self;
}
