import type { ResolvedCluster, ResolvedModule } from '../../schemas/defaults.ts';
import { formatDuration } from '../../schemas/units.ts';
import { pacesFor } from './pace.ts';
import { spanText } from './words.ts';

/** What the sentences hang on that no file says. @param isKnown whether there is a cluster file */
export function assumptionsOf(module: ResolvedModule, cluster: ResolvedCluster, isKnown: boolean): readonly string[] {
  const { server, failover, checks } = module;
  const paces = pacesFor(module);
  const spread = (of: (pace: (typeof paces)[number]) => number): string => {
    const all = paces.map(of);
    return spanText({ min: Math.min(...all), max: Math.max(...all) });
  };
  const isScripts = server.kind === 'scripts';
  return [
    ...(isKnown
      ? []
      : ['No cluster file was found: one network between the hosts and a witness are assumed, and no fencing.']),
    isScripts
      ? `A start is the moment at which the start script is run; how long until the server works is its own matter.`
      : `A start is the moment at which QEMU is started; after a failure the guest boots as after a loss of power, which takes as long as it takes.`,
    isScripts
      ? `The stop script takes ${spread(({ stopMs }) => stopMs)}, also when the server has to be ended at once.`
      : `The guest powers down within ${spread(({ stopMs }) => stopMs)} when it is asked to.`,
    `Hosts and networks answer within ${spread(({ networkMs }) => networkMs)}, and a resync of what changed takes ${spread(({ compareMs }) => compareMs)}; one that has much to copy takes longer, and ${module.name} runs meanwhile.`,
    `The service manager starts a killed agent again within ${spread(({ agentMs }) => agentMs)}.`,
    `No other module of the cluster waits for this one, takes its room on a host, or has a shorter detection time than ${formatDuration(failover.detectionMs)}; no operator does anything but what is said.`,
    `The server writes all the time, and makes each write durable.`,
    ...(checks.length > 0 || failover.conditions.length > 0
      ? [
          'A look of a check or condition that fails does so at once; one that has to run into its timeout takes that much longer.',
        ]
      : []),
    ...(cluster.fence?.hosts.size
      ? [`A fencing device powers a host off within ${spread(({ fenceMs }) => fenceMs)}.`]
      : []),
  ];
}
