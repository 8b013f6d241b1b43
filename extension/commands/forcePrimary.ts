import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { announce, forcePrimary } from './moduleActions.ts';
import { moduleTarget } from './moduleTarget.ts';

/** Starts a replica that is not known to be in sync. */
export async function forcePrimaryCommand(services: Services, node?: TreeNode): Promise<void> {
  const target = await moduleTarget(node, services.registry, 'forcePrimary');
  if (target === undefined) return;
  await announce(forcePrimary(target.session, target.module, target.host), services.log);
}
