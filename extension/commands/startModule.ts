import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { announce, startModule } from './moduleActions.ts';
import { moduleTarget } from './moduleTarget.ts';

/** Starts a module. */
export async function startModuleCommand(services: Services, node?: TreeNode): Promise<void> {
  const target = await moduleTarget(node, services.registry, 'start');
  if (target === undefined) return;
  await announce(startModule(target.session, target.module), services.log);
}
