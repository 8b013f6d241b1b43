import type { Snapshot } from '../../schemas/generated/api.ts';

/** Hosts that can be drained now, or undrained when they are drained. */
export function drainableHosts(snapshot: Snapshot | null, isDrained: boolean): string[] {
  return (snapshot?.hosts ?? [])
    .filter(({ name }) => snapshot?.modules.some(({ hosts }) => hosts.includes(name)) === true)
    .filter(({ reachable, drain = null }) => reachable && (isDrained ? drain === 'drained' : drain === null))
    .map(({ name }) => name);
}
