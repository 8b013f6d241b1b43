/** Whose word holds when both hosts have said something at the same time that cannot both hold. */
import type { ModuleConfig } from './types.ts';

/**
 * True: the other host's. Both have to find the same, or both would give in, or neither. So it is not the preferred host's where the order of
 * the hosts may be another one in the files of each for a moment; without an arbiter it is, as the order changes only while the module is closed.
 */
export function yieldsTie({ arbiter, hosts, self, peer }: ModuleConfig): boolean {
  return arbiter === 'none' ? hosts[0] === peer : peer < self;
}
