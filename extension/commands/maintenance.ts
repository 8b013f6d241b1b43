import * as vscode from 'vscode';
import type { CommandResult } from '../../schemas/generated/api.ts';
import { parseDuration } from '../../schemas/units.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { announce, CancelledError, confirm, run } from './moduleActions.ts';
import { maintenanceTarget } from './moduleTarget.ts';

const longestMs = 30 * 86_400_000;

function command(isUnderWay: boolean, act: (session: ClusterSession, module: string) => Promise<CommandResult>) {
  return async (services: Services, node?: TreeNode): Promise<void> => {
    const target = await maintenanceTarget(node, services.registry, isUnderWay);
    if (target !== undefined) await announce(act(target.session, target.module), services.log);
  };
}

/** Asks how long and what for, then names what does not happen meanwhile. */
async function beginMaintenance(session: ClusterSession, module: string): Promise<CommandResult> {
  const title = `Maintenance of ${module} (${session.profile.name})`;
  const typed = await vscode.window.showInputBox({
    title,
    prompt: 'How long from now on? A duration such as 30m or 2h.',
    value: '1h',
    ignoreFocusOut: true,
    validateInput: (value) => (secondsOf(value) === null ? 'Expected a duration from 1s to 30d, such as 30m.' : null),
  });
  const forSeconds = typed === undefined ? null : secondsOf(typed);
  if (forSeconds === null) throw new CancelledError();
  const reason = await vscode.window.showInputBox({
    title,
    prompt: 'What for? It is shown wherever the module is shown. May be empty.',
    ignoreFocusOut: true,
    validateInput: (value) => (value.length > 256 ? 'At most 256 characters.' : null),
  });
  if (reason === undefined) throw new CancelledError();
  await confirm(
    `Begin the maintenance of module ${module} of cluster ${session.profile.name}?`,
    `For ${typed ?? ''} ${module} is neither restarted nor taken over by itself: when its server or its host fails, it is out of service until the end, or until somebody starts it.`,
    'Begin Maintenance',
  );
  return run(session, `Beginning the maintenance of ${module}`, () =>
    session.request('module.maintenance', { module, forSeconds, ...(reason !== '' && { reason }) }),
  );
}

/** It makes the module safer, so nothing is asked. */
async function endMaintenance(session: ClusterSession, module: string): Promise<CommandResult> {
  return run(session, `Ending the maintenance of ${module}`, () =>
    session.request('module.maintenance', { module, end: true }),
  );
}

function secondsOf(text: string): number | null {
  const forMs = parseDuration(text.trim());
  return forMs === null || forMs < 1000 || forMs > longestMs ? null : Math.ceil(forMs / 1000);
}

export const beginMaintenanceCommand = command(false, beginMaintenance);
export const endMaintenanceCommand = command(true, endMaintenance);
