import * as vscode from 'vscode';
import type { ClusterRegistry } from '../clusters/clusterRegistry.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { tellNothing, whileLooking } from './whileLooking.ts';

/** The cluster that a command was called on, or, from the command palette, one that the person picks. */
export async function clusterTarget(
  node: TreeNode | undefined,
  registry: ClusterRegistry,
  suits: (session: ClusterSession) => boolean = () => true,
): Promise<ClusterSession | undefined> {
  if (node !== undefined) return node.session;
  const items = registry.sessions.filter(suits).map((session) => {
    return { label: session.profile.name, description: session.profile.addresses.join(', '), session };
  });
  if (items.length === 0) {
    void vscode.window.showInformationMessage('There is no cluster for which this makes sense.');
    return undefined;
  }
  if (items.length === 1) return items[0]?.session;
  return (await vscode.window.showQuickPick(items, { placeHolder: 'Which cluster?' }))?.session;
}

/** As {@link clusterTarget}, of those that can be asked now. */
export async function connectedClusterTarget(
  node: TreeNode | undefined,
  registry: ClusterRegistry,
): Promise<ClusterSession | undefined> {
  if (node !== undefined) return node.session;
  return whileLooking(registry, () => {
    if (registry.sessions.some(({ connected }) => connected)) {
      return clusterTarget(undefined, registry, ({ connected }) => connected);
    }
    tellNothing(registry, '');
    return Promise.resolve(undefined);
  });
}
