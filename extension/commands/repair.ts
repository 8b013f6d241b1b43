import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { announce } from './moduleActions.ts';
import { moduleTarget } from './moduleTarget.ts';
import { repairDifferences } from './verifyActions.ts';

/** Brings the secondary in line where the last verify found differences. */
export async function repairCommand(services: Services, node?: TreeNode): Promise<void> {
  const target = await moduleTarget(node, services.registry, 'repair');
  if (target !== undefined) await announce(repairDifferences(target.session, target.module), services.log);
}
