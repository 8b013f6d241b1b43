/** Which of two hosts goes first when both could. */
import type { Draft } from './draft.ts';
import type { PeerStatus } from './types.ts';

export function goesFirst({ config, state }: Draft, peer: PeerStatus): string {
  const [first] = config.hosts;
  // Only an arbiter stops the second one of two that each think themselves the first until they have heard of a drain.
  if (config.arbiter === 'none' || Boolean(state.drain) === Boolean(peer.drain)) return first;
  return state.drain ? config.peer : config.self;
}
