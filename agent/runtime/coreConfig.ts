import type { ResolvedCluster, ResolvedModule } from '../../schemas/defaults.ts';
import type { ModuleConfig } from '../core/types.ts';

/** What the failover core of one host goes by: the module's file, and what the cluster file says of arbiter and fencing. */
export function coreConfig(
  cluster: Pick<ResolvedCluster, 'arbiter' | 'fence'>,
  module: Pick<ResolvedModule, 'name' | 'hosts' | 'failover' | 'mirror'>,
  self: string,
): ModuleConfig {
  const { failover, mirror, hosts } = module;
  const peer = peerOf(module, self);
  return {
    module: module.name,
    self,
    peer,
    hosts,
    arbiter: cluster.arbiter.kind,
    automatic: failover.automatic,
    withoutArbiter: failover.withoutArbiter,
    detectionMs: failover.detectionMs,
    restarts: failover.restarts,
    restartPeriodMs: failover.restartPeriodMs,
    maxFailovers: failover.maxFailovers,
    failoverPeriodMs: failover.failoverPeriodMs,
    failback: failover.failback,
    failbackAfterMs: failover.failbackAfterMs,
    onDiskError: mirror.onDiskError,
    conditionsSettleMs: settleMsOf(failover),
    fencePeer: cluster.fence?.hosts.has(peer) ? cluster.fence.onFailure : 'never',
  };
}

/** The other host of the pair. */
export function peerOf({ hosts }: Pick<ResolvedModule, 'hosts'>, self: string): string {
  return hosts[0] === self ? hosts[1] : hosts[0];
}

/** The hosts look at a condition by turns of their own, and tell each other of it by heartbeats. */
function settleMsOf({ conditions, detectionMs }: ResolvedModule['failover']): number {
  const longest = Math.max(0, ...conditions.map(({ everyMs, timeoutMs }) => everyMs + timeoutMs));
  return longest + detectionMs;
}
