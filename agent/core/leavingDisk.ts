import type { Draft } from './draft.ts';
import { isInMaintenance } from './maintenance.ts';
import { canTake } from './placement.ts';
import type { Role } from './types.ts';

/** Whether the module leaves this host for the one whose disk is sound. */
export function leavesItsDisk(draft: Draft, role: Extract<Role, { at: 'primary' }>): boolean {
  const { config, state } = draft;
  if (!state.replica.diskError || config.onDiskError !== 'switchover' || !config.automatic) return false;
  if (isInMaintenance(state, draft.now)) return false;
  if (!draft.arbiterReachable || role.link.kind !== 'both' || !canTake(draft.freshPeer())) return false;
  draft.log(
    'error',
    'LEAVING_ITS_DISK',
    `${config.module} moves to ${config.peer}, which is in sync: the disk of ${config.self} has failed (${state.replica.diskError.code})`,
  );
  return true;
}
