import type { ResolvedCluster, ResolvedModule } from '../../schemas/defaults.ts';
import { formatDuration } from '../../schemas/units.ts';
import { leftOut } from './faultsOfServer.ts';
import { pacesFor } from './pace.ts';
import { aliveEveryMs } from './server.ts';
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
  const slow = leftOut(module);
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
    ...(isScripts ? [deathOf(module)] : []),
    ...hooksOf(module),
    ...(module.virtualAddresses.length > 0
      ? ['No other machine answers for a virtual address; one that does holds a start up for some seconds.']
      : []),
    ...(module.dependsOn.length > 0
      ? [
          `What it depends on (${module.dependsOn.join(', ')}) runs, with its checks well; otherwise a start waits for it.`,
        ]
      : []),
    `Hosts and networks answer within ${spread(({ networkMs }) => networkMs)}, and a resync of what changed takes ${spread(({ compareMs }) => compareMs)}; one that has much to copy takes longer, and ${module.name} runs meanwhile.`,
    `The service manager starts a killed agent again within ${spread(({ agentMs }) => agentMs)}.`,
    `No other module of the cluster waits for this one, takes its room on a host, or has a shorter detection time than ${formatDuration(failover.detectionMs)}; no operator does anything but what is said.`,
    `The server writes all the time, and makes each write durable.`,
    ...(checks.length > 0 || failover.conditions.length > 0
      ? [
          'A look of a check or condition that fails does so at once; one that has to run into its timeout takes that much longer.',
        ]
      : []),
    ...(slow.length > 0 ? [`Left out, since it takes long until it is over: ${slow.join('; ')}.`] : []),
    ...(cluster.fence?.hosts.size
      ? [`A fencing device powers a host off within ${spread(({ fenceMs }) => fenceMs)}.`]
      : []),
  ];
}

/** Who knows of a server that scripts have started and that ends by itself. */
function deathOf(module: ResolvedModule): string {
  const everyMs = aliveEveryMs(module);
  if (everyMs !== null) {
    return `A server that ends by itself is missed when its check script is run next, every ${formatDuration(everyMs)}.`;
  }
  const instead = module.checks.length === 0 ? '' : ' by itself, only by the checks, which fail then';
  return `A server that ends is not missed${instead}: no script says whether it is alive (server.scripts.check).`;
}

/** Hooks that a start or a stop waits for. */
function hooksOf({ hooks }: ResolvedModule): readonly string[] {
  const names = (['beforePrimary', 'beforeStop'] as const).filter((name) => hooks.programs[name]);
  if (names.length === 0) return [];
  const each = names.length === 1 ? 'The hook' : 'The hooks';
  return [
    `${each} ${names.join(' and ')} ${names.length === 1 ? 'ends' : 'end'} well and at once; a start or stop waits for ${names.length === 1 ? 'it' : 'each'} up to ${formatDuration(hooks.timeoutMs)} more.`,
  ];
}
