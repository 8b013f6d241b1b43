import type { ResolvedCluster, ResolvedModule } from '../../schemas/defaults.ts';
import type { LivenessNews } from '../host/linkOptions.ts';

/** Heartbeats are not sent more often than this, milliseconds. */
const shortestHeartbeatMs = 40;
/** So many heartbeats go into the shortest detection time at least: one or two may be late without anything being decided. */
const heartbeatsInDetection = 10;

/** Where no module says otherwise, milliseconds. */
const usualDetectionMs = 3000;

/** The shortest detection time of what runs in the cluster, milliseconds. */
export function shortestDetectionMs(modules: readonly Pick<ResolvedModule, 'failover'>[]): number {
  return modules.length === 0 ? usualDetectionMs : Math.min(...modules.map(({ failover }) => failover.detectionMs));
}

interface Beating {
  readonly cluster: Pick<ResolvedCluster, 'heartbeatMs'>;
  readonly modules: readonly Pick<ResolvedModule, 'failover'>[];
}

/** How often heartbeats go out: as the cluster file says, and more often when a module is to be missed sooner. */
export function heartbeatMs(
  cluster: Pick<ResolvedCluster, 'heartbeatMs'>,
  modules: readonly Pick<ResolvedModule, 'failover'>[],
): number {
  const wanted = Math.floor(shortestDetectionMs(modules) / heartbeatsInDetection);
  return Math.min(cluster.heartbeatMs, Math.max(wanted, shortestHeartbeatMs));
}

/** Whether heartbeats go out more often by `after`, because somebody waits for less of them. */
export function beatsMoreOften(before: Beating, after: Beating): boolean {
  return heartbeatMs(after.cluster, after.modules) < heartbeatMs(before.cluster, before.modules);
}

/** What the log says of a host that is late, taken for failed, or heard again. Null: nothing worth a line. */
export function livenessNotice(
  host: string,
  { liveness, before, longestMs, networks }: LivenessNews,
): { readonly level: 'info' | 'warn'; readonly code: string; readonly message: string } | null {
  const silent = `silent on ${list(networks)} for ${(longestMs / 1000).toFixed(1)} s`;
  if (liveness === 'suspect' && before === 'alive') {
    return { level: 'warn', code: 'HOST_SUSPECT', message: `${host} is suspect: ${silent}` };
  }
  if (liveness === 'silent') {
    return { level: 'warn', code: 'HOST_SILENT', message: `${host} is taken for failed: ${silent}` };
  }
  if (liveness === 'alive' && longestMs > 0) {
    return { level: 'info', code: 'HOST_STEADY', message: `${host} is heard steadily again; it was ${silent}` };
  }
  return null;
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}
