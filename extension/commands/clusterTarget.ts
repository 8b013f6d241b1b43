import * as vscode from 'vscode';
import type { ApiMethod } from '../../schemas/apiMethods.ts';
import type { ClusterRegistry } from '../clusters/clusterRegistry.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import { unconnectedWords } from '../clusters/connecting.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { tellNothing, whileLooking } from './whileLooking.ts';

/** The cluster that a command was called on, or, from the command palette, one that the person picks. */
export async function clusterTarget(
  node: TreeNode | undefined,
  registry: ClusterRegistry,
  suits: (session: ClusterSession) => boolean = () => true,
): Promise<ClusterSession | undefined> {
  if (node !== undefined) return node.session;
  const sessions = registry.sessions.filter(suits);
  if (sessions.length === 0) {
    const isAny = registry.sessions.length > 0;
    const words = isAny ? 'There is no cluster for which this makes sense.' : unconnectedWords([]);
    void vscode.window.showInformationMessage(words);
    return undefined;
  }
  return sessions.length === 1 ? sessions[0] : pickCluster(sessions);
}

/** As {@link clusterTarget}, of those that are connected with a token that may call `method`. */
export async function connectedClusterTarget(
  node: TreeNode | undefined,
  registry: ClusterRegistry,
  method: ApiMethod,
): Promise<ClusterSession | undefined> {
  if (node !== undefined) return node.session;
  return whileLooking(registry, async () => {
    const sessions = registry.sessions.filter((session) => session.may(method));
    if (sessions.length === 0) {
      tellNothing(registry, method, '');
      return undefined;
    }
    // Of several that are known the one that happens to be connected is not taken unasked: another one may be meant.
    return registry.sessions.length === 1 ? sessions[0] : pickCluster(sessions);
  });
}

async function pickCluster(sessions: readonly ClusterSession[]): Promise<ClusterSession | undefined> {
  const items = sessions.map((session) => {
    return { label: session.profile.name, description: session.profile.addresses.join(', '), session };
  });
  return (await vscode.window.showQuickPick(items, { placeHolder: 'Which cluster?' }))?.session;
}
