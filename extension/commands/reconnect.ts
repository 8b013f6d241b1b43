import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { clusterTarget } from './clusterTarget.ts';

/** Connects to a cluster at once instead of at the next try by itself. */
export async function reconnectCommand(services: Services, node?: TreeNode): Promise<void> {
  const session = await clusterTarget(node, services.registry);
  if (session === undefined) return;
  // A cluster from a file may have been put right since.
  await services.registry.reload();
  services.registry.find(session.profile.id)?.reconnect();
}
