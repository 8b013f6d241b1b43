import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { announce } from './moduleActions.ts';
import { moduleTarget } from './moduleTarget.ts';
import { startVerify } from './verifyActions.ts';

/** Compares both replicas of a module. */
export async function verifyCommand(services: Services, node?: TreeNode): Promise<void> {
  const target = await moduleTarget(node, services.registry, 'verify');
  if (target !== undefined) await announce(startVerify(target.session, target.module), services.log);
}
