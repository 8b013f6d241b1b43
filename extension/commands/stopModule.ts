import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { announce, stopModule } from './moduleActions.ts';
import { moduleTarget } from './moduleTarget.ts';

/** Stops a module. */
export async function stopModuleCommand(services: Services, node?: TreeNode): Promise<void> {
  const target = await moduleTarget(node, services.registry, 'stop');
  if (target === undefined) return;
  await announce(stopModule(target.session, target.module), services.log);
}
