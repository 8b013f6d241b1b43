import type { HostStatus, Snapshot } from '../../schemas/generated/api.ts';

/** Hosts that can be drained now, or undrained when they are drained. */
export function drainableHosts(snapshot: Snapshot | null, isDrained: boolean): string[] {
  return (snapshot?.hosts ?? [])
    .filter(({ name }) => snapshot?.modules.some(({ hosts }) => hosts.includes(name)) === true)
    .filter(({ reachable, drain = null }) => reachable && (isDrained ? drain === 'drained' : drain === null))
    .map(({ name }) => name);
}

/** Null: nothing is to be said of how it is heard beside whether it is. */
export function suspicionText(host: HostStatus | undefined): string | null {
  if (host?.liveness !== 'suspect') return null;
  return `${host.name} is suspect: late, or heard again only lately. It may have failed, or only be slow.`;
}
