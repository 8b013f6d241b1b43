import type { CommandResult } from '../../schemas/generated/api.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import { allowedActions } from '../model/allowedActions.ts';
import { confirm, refused, run } from './moduleActions.ts';

/** Compares both replicas; nothing is changed, so nothing is asked. */
export async function startVerify(session: ClusterSession, module: string): Promise<CommandResult> {
  return run(session, `Verifying ${module}`, () => session.request('module.verify', { module }));
}

export async function stopVerify(session: ClusterSession, module: string): Promise<CommandResult> {
  return run(session, `Stopping the verify of ${module}`, () =>
    session.request('module.verify', { module, stop: true }),
  );
}

/** Has what the last verify found overwritten on the secondary, after a question that names both. */
export async function repairDifferences(session: ClusterSession, module: string): Promise<CommandResult> {
  const status = session.store.module(module);
  const facts =
    status === undefined ? undefined : allowedActions(status, session.role).find(({ name }) => name === 'repair');
  const verified = status?.lastVerify;
  if (status === undefined || facts?.enabled !== true || !verified) {
    throw refused('NOT_HEALTHY', `There is nothing to repair for ${module}. ${facts?.hint ?? ''}`);
  }
  const secondary = status.hosts.find((host) => host !== verified.host) ?? 'the secondary';
  const count = verified.total === 1 ? '1 difference' : `${verified.total} differences`;
  const first = verified.differences.slice(0, 5).map(({ path, what }) => `${path === '' ? '.' : path} (${what})`);
  await confirm(
    `Overwrite ${count} of module ${module} of cluster ${session.profile.name} on ${secondary}?`,
    [
      `What differs on ${secondary} is overwritten with what ${verified.host} holds. Which of the two is right only you can know.`,
      `Found by the verify of ${new Date(verified.at).toLocaleString()}: ${first.join(', ')}${verified.total > first.length ? ', …' : ''}.`,
      `What ${secondary} holds now is kept aside there first. Until its resync has ended, ${module} runs on ${verified.host} without a second replica. Then both are compared again.`,
    ].join('\n\n'),
    `Overwrite ${secondary}`,
  );
  return run(session, `Repairing ${module} on ${secondary}`, () =>
    session.request('module.repair', { module, verifiedAt: verified.at, confirm: module }),
  );
}
