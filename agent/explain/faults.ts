/** What may befall a module, as far as its files make a difference of it. */
import type { ResolvedCluster, ResolvedModule } from '../../schemas/defaults.ts';
import { witnessOf } from '../../schemas/defaults.ts';
import type { FaultName } from '../../schemas/explain.ts';
import type { Fault, Stage } from './fault.ts';
import { faultsOfHosts } from './faultsOfHosts.ts';
import { faultsOfNetworks } from './faultsOfNetworks.ts';
import { faultsOfServer } from './faultsOfServer.ts';
import { operatorsActs } from './operatorsActs.ts';

/** In the order in which they are told. Which of them there are depends on the files: without an arbiter none is lost. */
export function faultsOf(module: ResolvedModule, cluster: ResolvedCluster): readonly Fault[] {
  const [primary, secondary] = module.hosts;
  const stage: Stage = {
    module,
    cluster,
    name: module.name,
    primary,
    secondary,
    arbiter: arbiterName(module, cluster),
  };
  return [...faultsOfHosts(stage), ...faultsOfNetworks(stage), ...faultsOfServer(stage), ...operatorsActs(stage)];
}

/** Every name that there is, in the order of {@link faultsOf}. */
export const faultNames: readonly FaultName[] = [
  'power-loss',
  'power-loss-of-both',
  'secondary-then-primary',
  'agent-killed',
  'stall',
  'disk-error',
  'replication-cut',
  'hosts-cut',
  'isolated',
  'arbiter-lost',
  'arbiter-lost-then-power-loss',
  'server-crash',
  'server-crashes-again',
  'check-fails',
  'condition-fails',
  'switchover',
  'stop',
  'agent-stopped',
  'drain',
  'cold-start',
];

function arbiterName(module: ResolvedModule, cluster: ResolvedCluster): string | null {
  switch (cluster.arbiter.kind) {
    case 'none':
      return null;
    case 'etcd':
      return 'etcd';
    case 'witness':
      return witnessOf(cluster, module.hosts) ?? 'the witness';
  }
}
