/** What becomes of a module when this host's own disk has lost what it had taken. */
import type { ArbiterRecord, ModuleCoreState } from './types.ts';

/**
 * Whether the other replica of the in-sync set is the better one. What was durable is durable here as well; but a program that asked
 * again, after it had got the error, was told so of blocks that only the other host's disk holds.
 */
export function isInDoubt({ replica }: Pick<ModuleCoreState, 'replica'>, record: ArbiterRecord | null): boolean {
  return Boolean(replica.diskError) && record !== null && record.inSync.length > 1;
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
