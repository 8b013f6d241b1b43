import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { announce, resolveDivergence } from './moduleActions.ts';
import { moduleTarget } from './moduleTarget.ts';

/** Settles a divergence. Called on a host, it keeps the history of that one. */
export async function resolveCommand(services: Services, node?: TreeNode): Promise<void> {
  const target = await moduleTarget(node, services.registry, 'resolve');
  if (target === undefined) return;
  await announce(resolveDivergence(target.session, target.module, target.host), services.log);
}
