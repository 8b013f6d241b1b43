import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { moduleTarget } from './moduleTarget.ts';

/** Opens the panel of a module. */
export async function openModuleCommand(services: Services, node?: TreeNode): Promise<void> {
  const target = await moduleTarget(node, services.registry, null);
  if (target !== undefined) services.panels.open(target.session.profile.id, target.module);
}
