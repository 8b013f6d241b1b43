import type { CommandResult } from '../../schemas/generated/api.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import { confirm, run } from './moduleActions.ts';

/** Moves every module away from a host, after a question that names them. */
export async function drainHost(session: ClusterSession, host: string): Promise<CommandResult> {
  const modules = session.store.snapshot?.modules ?? [];
  const moving = modules.filter(({ primary }) => primary === host).map(({ name }) => name);
  await confirm(
    `Drain host ${host} of cluster ${session.profile.name}?`,
    [
      moving.length === 0
        ? `${host} serves no module now.`
        : `Two at a time, these modules are shut down on ${host} and started on their other hosts: ${moving.join(', ')}. Nothing is moved when one of them cannot be.`,
      `Until it is undrained no start, switchover or failback prefers ${host}. It is kept in sync, and takes over when the other host of a pair fails, stops, or may not go on.`,
    ].join('\n\n'),
    'Drain',
  );
  return run(session, `Draining ${host}`, () => session.request('host.drain', { host }));
}

/** Nothing is moved by it, so nothing is asked. */
export async function undrainHost(session: ClusterSession, host: string): Promise<CommandResult> {
  return run(session, `Undraining ${host}`, () => session.request('host.undrain', { host }));
}
