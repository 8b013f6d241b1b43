import type { ArbiterStatus, Snapshot } from '../../schemas/generated/api.ts';

/** The state of a cluster: `3 of 3 hosts`, and what is not as it should be. */
export function clusterWords(snapshot: Snapshot | null): string {
  const hosts = snapshot?.hosts ?? [];
  const up = hosts.filter((host) => host.reachable).length;
  const differ = (snapshot?.configuration?.drift.length ?? 0) > 0 ? ' · files differ' : '';
  return `${up} of ${hosts.length} hosts${arbiterOf(snapshot?.arbiter ?? null)}${differ}`;
}

/** ` · arbiter not reachable`: what keeps hosts from taking over by themselves. */
function arbiterOf(arbiter: ArbiterStatus | null): string {
  if (arbiter?.kind === 'none') return ' · no arbiter';
  return arbiter?.reachable === false ? ' · arbiter not reachable' : '';
}
