import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { announce } from './moduleActions.ts';
import { moduleTarget } from './moduleTarget.ts';
import { stopVerify } from './verifyActions.ts';

/** Ends the comparison of the replicas of a module. */
export async function stopVerifyCommand(services: Services, node?: TreeNode): Promise<void> {
  const target = await moduleTarget(node, services.registry, 'stopVerify');
  if (target !== undefined) await announce(stopVerify(target.session, target.module), services.log);
}
