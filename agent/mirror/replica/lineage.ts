import type { LineageEntry } from '../mirror.ts';

/**
 * Whether a follower has entered an epoch that the primary which brought it up to date knows nothing of: a later one, or without an arbiter
 * one of the same number, as a host that was forced meanwhile has. That stays in its lineage.
 */
export function goesBeyond(own: LineageEntry | undefined, primary: LineageEntry | undefined): boolean {
  if (!own) return false;
  const epoch = primary?.epoch ?? 0;
  return own.epoch > epoch || (own.epoch === epoch && own.primary !== primary?.primary);
}
