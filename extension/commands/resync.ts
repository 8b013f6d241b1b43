import type { CommandResult } from '../../schemas/generated/api.ts';
import type { ActionName } from '../../schemas/panel.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { announce } from './moduleActions.ts';
import { moduleTarget } from './moduleTarget.ts';
import { paceResync, pauseResync, resumeResync } from './resyncActions.ts';

function command(name: ActionName, act: (session: ClusterSession, module: string) => Promise<CommandResult>) {
  return async (services: Services, node?: TreeNode): Promise<void> => {
    const target = await moduleTarget(node, services.registry, name);
    if (target !== undefined) await announce(act(target.session, target.module), services.log);
  };
}

export const pauseResyncCommand = command('pauseResync', pauseResync);
export const resumeResyncCommand = command('resumeResync', resumeResync);
export const paceResyncCommand = command('paceResync', paceResync);
