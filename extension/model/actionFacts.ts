import type { ModuleStatus } from '../../schemas/generated/api.ts';
import type { ActionFacts, ActionName, LinkFacts } from '../../schemas/panel.ts';
import { forceHint, startEffect } from './actionEffects.ts';
import {
  divergedReplica,
  isServerDown,
  linkFacts,
  pausedResync,
  primaryReplica,
  runningResync,
  runningVerify,
} from './moduleFacts.ts';

function whyNoVerify(module: ModuleStatus, link: LinkFacts): string | null {
  if (runningVerify(module)) return 'A verify is running already.';
  return link.kind === 'in-sync' ? null : 'Needs a healthy pair: a primary, and a secondary in sync.';
}

function whyNoRepair(module: ModuleStatus, link: LinkFacts): string | null {
  const { lastVerify } = module;
  if (runningVerify(module)) return 'A verify is running.';
  if (lastVerify?.repair?.phase === 'begun') return 'A repair is under way.';
  if (lastVerify?.outcome !== 'complete' || lastVerify.total === 0) return 'No differences are known: verify first.';
  return link.kind === 'in-sync' ? null : 'Needs a healthy pair: a primary, and a secondary in sync.';
}

function whyNoPause(module: ModuleStatus): string | null {
  if (pausedResync(module)) return 'The resync is paused already.';
  return runningResync(module) ? null : 'No resync is under way.';
}

function repairHint({ hosts, primary, lastVerify }: ModuleStatus): string {
  const secondary = hosts.find((host) => host !== primary) ?? 'the secondary';
  const count = lastVerify?.total ?? 0;
  return `Overwrite ${count === 1 ? '1 difference' : `${count} differences`} on ${secondary} with what ${primary ?? 'the primary'} holds.`;
}

/** What an operator can do with the module now. The agent has the last word. */
export function actionFacts(module: ModuleStatus, connected: boolean): ActionFacts[] {
  const primary = primaryReplica(module);
  const link = linkFacts(module);
  const wrap = (name: ActionName, possible: string | null, hint: string, hosts: readonly string[]): ActionFacts => {
    const obstacle = connected ? possible : 'Not connected to the cluster.';
    const enabled = obstacle === null;
    return { name, enabled, makesSense: enabled, hint: obstacle ?? hint, hosts: enabled ? hosts : [] };
  };
  // Beside a primary what has diverged waits for another decision.
  const stopped = module.onHosts.some(
    ({ known, state, diverged }) =>
      known && (state === 'STOP' || (state === 'WAIT' && (primary === undefined || !diverged))),
  );
  const down = primary !== undefined && isServerDown(primary);
  const running = module.desired === 'started' || module.onHosts.some((replica) => replica.state !== 'STOP');
  const target = link.kind === 'in-sync' && link.to !== null ? [link.to] : [];
  const forcible = module.onHosts
    .filter(
      (replica) =>
        replica.known && (replica.state === 'STOP' || replica.state === 'WAIT' || replica.state === 'SECOND'),
    )
    .map((replica) => replica.host);
  const diverged = divergedReplica(module);
  return [
    wrap('start', stopped || !running || down ? null : 'Already started.', startEffect(module).hint, module.hosts),
    wrap('stop', running ? null : 'Already stopped.', 'Stop the server, then the mirror, on both hosts.', module.hosts),
    wrap(
      'switchover',
      target.length > 0 ? null : 'Needs a healthy pair: a primary, and a secondary in sync.',
      `Move the server to ${target[0] ?? 'the other host'}; nothing is lost.`,
      target,
    ),
    wrap(
      'forcePrimary',
      primary !== undefined
        ? `${primary.host} serves the mirror: there is nothing to force.`
        : forcible.length === 0
          ? 'No reachable host could be made primary.'
          : null,
      forceHint(module, forcible),
      forcible,
    ),
    wrap(
      'resolve',
      diverged ? null : 'The replicas share one history: there is nothing to resolve.',
      'Choose whose history is kept. What the other host holds is put aside there.',
      module.hosts,
    ),
    wrap('verify', whyNoVerify(module, link), 'Compare both replicas while the server runs. Changes nothing.', []),
    wrap('stopVerify', runningVerify(module) ? null : 'No verify is running.', 'End the verify that is running.', []),
    wrap('repair', whyNoRepair(module, link), repairHint(module), []),
    wrap(
      'pauseResync',
      whyNoPause(module),
      `Stop bringing ${link.to ?? 'the secondary'} up to date until it is resumed. Nobody takes over meanwhile.`,
      [],
    ),
    wrap(
      'resumeResync',
      pausedResync(module) ? null : 'No resync is paused.',
      `Go on bringing ${link.to ?? 'the secondary'} up to date.`,
      [],
    ),
    wrap(
      'paceResync',
      runningResync(module) ? null : 'No resync is under way.',
      'Say how much the resync may take until the secondary is in sync.',
      [],
    ),
  ];
}
