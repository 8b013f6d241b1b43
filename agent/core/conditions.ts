/** Conditions to be primary, such as a gateway that answers: who meets them goes first, and a shared outage moves nothing. */
import type { Draft } from './draft.ts';
import { tooManyFailovers } from './flapping.ts';
import { isInMaintenance } from './maintenance.ts';
import { canTake } from './placement.ts';
import type { ModuleCoreState, PeerStatus, Role } from './types.ts';

/** Notes which conditions this host does not meet; null: it meets all of them. */
export function noteConditions(draft: Draft, unmet: string | null): void {
  const { state, config } = draft;
  const before = state.conditions?.unmet ?? null;
  if (state.conditions !== null && before === unmet) return;
  state.conditions = { unmet };
  if (unmet === null && before !== null) {
    draft.log('info', 'CONDITIONS_MET', `${config.self} meets the conditions to be primary of ${config.module} again`);
  } else if (unmet !== null && before === null) {
    const what = `${config.self} does not meet a condition to be primary of ${config.module}`;
    draft.log('warn', 'CONDITION_FAILED', `${what}: ${unmet}`);
  }
}

/** Whether the conditions speak for one of the hosts: for this one, for the other one, or, as far as both know, for neither. */
export function fitter({ conditions }: Pick<ModuleCoreState, 'conditions'>, peer: PeerStatus): 'self' | 'peer' | null {
  if (!conditions || !peer.conditions) return null;
  if ((conditions.unmet === null) === (peer.conditions.unmet === null)) return null;
  return conditions.unmet === null ? 'self' : 'peer';
}

/** Notes since when a primary has been the only one of the two hosts that does not meet the conditions. Call with every step. */
export function noteFitness(draft: Draft): void {
  const { state } = draft;
  const peer = state.role.at === 'primary' ? draft.freshPeer() : null;
  if (peer && fitter(state, peer) === 'peer') state.unfitSince ??= draft.now;
  else state.unfitSince = null;
}

/**
 * Whether the module leaves this host for the one that meets the conditions. The hosts do not look at the same moment: of an outage that both
 * have, and of its end, one may know earlier.
 */
export function leavesForConditions(draft: Draft, role: Extract<Role, { at: 'primary' }>): boolean {
  const { config, state } = draft;
  if (state.unfitSince === null || draft.now - state.unfitSince < config.conditionsSettleMs) return false;
  if (isInMaintenance(state, draft.now)) return false;
  if (!draft.arbiterReachable || !config.automatic || role.link.kind !== 'both' || !canTake(draft.freshPeer())) {
    return false;
  }
  // It does its work here: where moving has not helped so often, it stays.
  if (tooManyFailovers(draft) !== null) return false;
  const why = `${config.peer}, which meets the conditions to be primary: ${state.conditions?.unmet ?? ''}`;
  draft.log('error', 'LEAVING_FOR_CONDITIONS', `${config.module} moves to ${why}`);
  return true;
}

/** For people; null: nothing is to be said. */
export function unmetText({ conditions, config, role, peer }: ModuleCoreState): string | null {
  if (!conditions || conditions.unmet === null) return null;
  const told = `${config.self} does not meet a condition to be primary (${conditions.unmet})`;
  const isShared = (peer.status?.conditions?.unmet ?? null) !== null;
  return role.at === 'primary' && isShared ? `${told}, nor does ${config.peer}: nothing moves` : told;
}
