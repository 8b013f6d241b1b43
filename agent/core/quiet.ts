/** When the passing of time matters: an agent with many modules need not look at each of them many times a second. */
import { detectionMsOf } from './detectionTimes.ts';
import { failbackAt } from './failback.ts';
import { maintenanceEnd } from './maintenance.ts';
import { primaryLeaseEnd } from './primary.ts';
import type { ModuleCoreState } from './types.ts';

/**
 * A tick before this moment changes nothing and has no effects; -Infinity: nothing is promised, Infinity: time alone never matters. Said only
 * of the states that last: a healthy pair, and a module that is stopped. Any other event may bring the moment forward.
 */
export function quietUntil(state: ModuleCoreState): number {
  const { role, desired, peer } = state;
  const isAsked = state.commands.length > 0 || state.shuttingDown || (state.resolution?.keep ?? null) !== null;
  if (isAsked || (state.replica.diskError ?? null) !== null || (state.conditions?.unmet ?? null) !== null) {
    return -Infinity;
  }
  const end = maintenanceEnd(state);
  switch (role.at) {
    case 'stopped':
      return desired.value === 'stopped' ? end : -Infinity;
    case 'primary': {
      const settled =
        role.link.kind === 'both' &&
        role.server.kind === 'running' &&
        role.leaving === null &&
        state.pending === null &&
        desired.value === 'started';
      return settled
        ? Math.min(end, primaryLeaseEnd(role, state), failbackAt(state, state.peer.heardAt ?? 0))
        : -Infinity;
    }
    case 'following': {
      const settled =
        peer.heardAt !== null &&
        peer.status?.role === 'primary' &&
        peer.status.link !== 'none' &&
        state.pending === null &&
        desired.value === 'started';
      return settled ? Math.min(end, (peer.heardAt ?? 0) + detectionMsOf(state)) : -Infinity;
    }
    default:
      return -Infinity;
  }
}
