import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { announce, switchover } from './moduleActions.ts';
import { moduleTarget } from './moduleTarget.ts';

/** Moves a module to its secondary. */
export async function switchoverCommand(services: Services, node?: TreeNode): Promise<void> {
  const target = await moduleTarget(node, services.registry, 'switchover');
  if (target === undefined) return;
  await announce(switchover(target.session, target.module), services.log);
}
