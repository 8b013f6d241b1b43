import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { clusterTarget } from './clusterTarget.ts';

/** Connects to a cluster at once instead of at the next try by itself. */
export async function reconnectCommand(services: Services, node?: TreeNode): Promise<void> {
  const session = await clusterTarget(node, services.registry);
  if (session !== undefined) await services.registry.reconnect(session.profile.id);
}
