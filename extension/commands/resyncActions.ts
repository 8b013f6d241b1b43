import * as vscode from 'vscode';
import type { CommandResult, ResyncBandwidth } from '../../schemas/generated/api.ts';
import { parseRate } from '../../schemas/units.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import { allowedActions } from '../model/allowedActions.ts';
import { linkFacts, resyncPercent, runningResync } from '../model/moduleFacts.ts';
import type { ActionName } from '../../schemas/panel.ts';
import { CancelledError, confirm, refused, run } from './moduleActions.ts';

/** Stops a resync for now, after a question that names who is without a second replica. */
export async function pauseResync(session: ClusterSession, module: string): Promise<CommandResult> {
  const { from, to, percent } = targetOf(session, module, 'pauseResync');
  await confirm(
    `Pause the resync of ${to} for module ${module} of cluster ${session.profile.name}?`,
    [
      `Until it is resumed ${module} runs on ${from} without a second replica: ${to} is not in sync, and does not take over when ${from} fails.`,
      `${percent === null ? '' : `${percent} % are compared. `}The server goes on, and what it writes is sent to ${to} all the same. The pause outlasts restarts of the agent.`,
    ].join('\n\n'),
    'Pause Resync',
  );
  return run(session, `Pausing the resync of ${to}`, () =>
    session.request('module.resync', { module, action: 'pause', confirm: module }),
  );
}

/** Nothing is given up by it, so nothing is asked. */
export async function resumeResync(session: ClusterSession, module: string): Promise<CommandResult> {
  const { to } = targetOf(session, module, 'resumeResync');
  return run(session, `Resuming the resync of ${to}`, () =>
    session.request('module.resync', { module, action: 'resume' }),
  );
}

/** Asks for how much the resync under way may take. */
export async function paceResync(session: ClusterSession, module: string): Promise<CommandResult> {
  const { to, bandwidth: now } = targetOf(session, module, 'paceResync');
  const typed = await vscode.window.showInputBox({
    title: `Bandwidth of the resync of ${to} (${module}, ${session.profile.name})`,
    prompt:
      'adaptive: what the server leaves; unlimited; or a rate such as 100MiB/s. It holds until the secondary is in sync.',
    value: now === null ? 'unlimited' : typeof now === 'number' ? `${Math.ceil(now / 1024)}KiB/s` : 'adaptive',
    ignoreFocusOut: true,
    validateInput: (value) =>
      bandwidthOf(value) === undefined ? 'Expected adaptive, unlimited, or a rate such as 100MiB/s.' : null,
  });
  const bandwidth = typed === undefined ? undefined : bandwidthOf(typed);
  if (bandwidth === undefined) throw new CancelledError();
  return run(session, `Changing the bandwidth of the resync of ${to}`, () =>
    session.request('module.resync', { module, bandwidth }),
  );
}

function bandwidthOf(text: string): ResyncBandwidth | undefined {
  if (text === 'adaptive') return text;
  const rate = parseRate(text);
  return rate === 'unlimited' ? null : (rate ?? undefined);
}

function targetOf(session: ClusterSession, module: string, action: ActionName) {
  const status = session.store.module(module);
  const facts =
    status === undefined ? undefined : allowedActions(status, session.role).find(({ name }) => name === action);
  if (status === undefined || facts?.enabled !== true) {
    throw refused('NOT_HEALTHY', `Nothing was done to the resync of ${module}. ${facts?.hint ?? ''}`);
  }
  const link = linkFacts(status);
  const resync = runningResync(status);
  return {
    from: link.from ?? 'its primary',
    to: link.to ?? 'the secondary',
    percent: resync && resyncPercent(resync),
    bandwidth: resync?.bandwidth,
  };
}
