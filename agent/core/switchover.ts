/** An operator moves a module to its other host, or clears a host of all of its modules. */
import { fitter } from './conditions.ts';
import { Draft } from './draft.ts';
import { beginLeaving } from './leaving.ts';
import { canTake } from './placement.ts';
import { refusal, type Refusal } from './refusal.ts';
import { shownState } from './status.ts';
import type { ModuleCoreState } from './types.ts';

export function switchover(draft: Draft, arbiterReachable: boolean): Refusal | null {
  const refused = whyNotMoved(draft, arbiterReachable);
  if (refused) return refused;
  if (draft.state.role.at === 'primary') beginLeaving(draft, draft.state.role, 'switchover');
  return null;
}

/** What draining this host would do to the module; a refusal: it can be moved neither now nor by waiting for its present move. */
export function drainOf(state: ModuleCoreState, now: number, arbiterReachable: boolean): 'moves' | 'stays' | Refusal {
  const { module, self } = state.config;
  const { role } = state;
  switch (role.at) {
    case 'primary':
      return whyNotMoved(new Draft(state, now, 'command'), arbiterReachable) ?? 'moves';
    case 'stopped':
    case 'waiting':
    case 'keepingAside':
    case 'startingToFollow':
    case 'following':
    case 'unfollowing':
      // It does not run here.
      return 'stays';
    default:
      return refusal('BUSY', `${module} on ${self} is in between (${role.at}): try again in a moment`);
  }
}

function whyNotMoved(draft: Draft, arbiterReachable: boolean): Refusal | null {
  const { role } = draft.state;
  const { module, self, peer } = draft.config;
  if (role.at !== 'primary') {
    return refusal('NOT_HEALTHY', `${module} is not served by ${self} now (${shownState(draft.state).state})`);
  }
  if (role.leaving !== null) return refusal('BUSY', `${module} is already leaving ${self} (${role.leaving})`);
  const status = draft.freshPeer();
  if (!status) return refusal('HOST_UNREACHABLE', `${peer} is not reachable: a switchover needs a healthy pair`);
  if (role.link.kind !== 'both') {
    return refusal('NOT_IN_SYNC', `${peer} is not in sync yet (${role.link.kind}): wait for the resync to end`, {
      link: role.link.kind,
      epoch: role.grant.epoch,
    });
  }
  if (!status.able) return refusal('NOT_HEALTHY', `${peer} cannot take ${module} now: it is shutting down or parked`);
  if (!canTake(status)) {
    return refusal('NOT_HEALTHY', `${peer} cannot take ${module} now: ${String(status.barred)}`);
  }
  if (fitter(draft.state, status) === 'self') {
    const why = `${peer} does not meet a condition to be primary (${String(status.conditions?.unmet)}), and ${module} would come back at once`;
    return refusal('NOT_HEALTHY', `${why}: mend that first`);
  }
  if (status.drain) {
    return refusal('NOT_HEALTHY', `${peer} is drained and takes no module now: \`understudy undrain ${peer}\` first`);
  }
  if (!arbiterReachable) {
    return refusal(
      'ARBITER_UNREACHABLE',
      'a switchover needs a new epoch from the arbiter, which does not answer: bring it back first',
    );
  }
  return null;
}
