import * as vscode from 'vscode';
import type { CommandResult } from '../../schemas/generated/api.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import { drainableHosts } from '../model/hostFacts.ts';
import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { drainHost, undrainHost } from './hostActions.ts';
import { announce } from './moduleActions.ts';
import { tellNothing, whileLooking } from './whileLooking.ts';

function command(isDrained: boolean, act: (session: ClusterSession, host: string) => Promise<CommandResult>) {
  return async (services: Services, node?: TreeNode): Promise<void> => {
    const target = await hostTarget(node, services, isDrained);
    if (target !== undefined) await announce(act(target.session, target.host), services.log);
  };
}

/** The host that a command was called on, or, from the command palette, one that the person picks. */
async function hostTarget(node: TreeNode | undefined, { registry }: Services, isDrained: boolean) {
  if (node?.kind === 'replica') return { session: node.session, host: node.host };
  return whileLooking(registry, async () => {
    const method = isDrained ? 'host.undrain' : 'host.drain';
    const able = registry.sessions.filter((session) => session.may(method));
    const items = able.flatMap((session) =>
      drainableHosts(session.store.snapshot, isDrained).map((host) => ({
        label: host,
        description: session.profile.name,
        target: { session, host },
      })),
    );
    if (items.length > 0) return (await vscode.window.showQuickPick(items, { placeHolder: 'Which host?' }))?.target;
    tellNothing(registry, method, isDrained ? 'No host is drained.' : 'No host is known that could be drained.');
    return undefined;
  });
}

export const drainHostCommand = command(false, drainHost);
export const undrainHostCommand = command(true, undrainHost);
