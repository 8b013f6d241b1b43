/** What becomes of a module when this host's own disk has lost what it had taken. */
import type { Draft } from './draft.ts';
import type { ArbiterRecord, ModuleCoreState, Role } from './types.ts';

/**
 * Whether the other replica of the in-sync set is the better one. What was durable is durable here as well; but a program that asked
 * again, after it had got the error, was told so of blocks that only the other host's disk holds.
 */
export function isInDoubt({ replica }: Pick<ModuleCoreState, 'replica'>, record: ArbiterRecord | null): boolean {
  return Boolean(replica.diskError) && record !== null && record.inSync.length > 1;
}

/** Whether the module leaves this host for the one whose disk is sound. */
export function leavesItsDisk(draft: Draft, role: Extract<Role, { at: 'primary' }>): boolean {
  const { config, state } = draft;
  if (!state.replica.diskError || config.onDiskError !== 'switchover' || !config.automatic) return false;
  if (role.link.kind !== 'both' || draft.freshPeer()?.able !== true) return false;
  draft.log(
    'error',
    'LEAVING_ITS_DISK',
    `${config.module} moves to ${config.peer}, which is in sync: the disk of ${config.self} has failed (${state.replica.diskError.code})`,
  );
  return true;
}

/** For people; null when the disk is sound. */
export function diskErrorText({ replica, config, role }: ModuleCoreState): string | null {
  const { diskError } = replica;
  if (!diskError) return null;
  const told = `the disk of ${config.self} has failed (${diskError.code} at ${diskError.at})`;
  if (role.at !== 'primary') return told;
  if (role.link.kind !== 'both') {
    return `${told}: what it holds is safe again when ${config.peer} is in sync, and this disk when it was resynchronised from there`;
  }
  return `${told}: ${config.peer} holds everything; switch over, and replace the disk`;
}
