import * as vscode from 'vscode';
import type { ClusterRegistry } from '../clusters/clusterRegistry.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import { allowedActions, methodOf } from '../model/allowedActions.ts';
import { moduleFacts } from '../model/moduleFacts.ts';
import type { ApiMethod } from '../../schemas/apiMethods.ts';
import type { ModuleStatus } from '../../schemas/generated/api.ts';
import type { ActionName } from '../../schemas/panel.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { tellNothing, whileLooking } from './whileLooking.ts';

/** What a command is about. */
export interface ModuleTarget {
  readonly session: ClusterSession;
  readonly module: string;
  /** Set when the command was called on a host of the module. */
  readonly host?: string;
}

/**
 * The module that a command was called on, or, from the command palette, one that the person picks.
 *
 * @param action offer only the modules for which it makes sense now; null: all
 */
export function moduleTarget(
  node: TreeNode | undefined,
  registry: ClusterRegistry,
  action: ActionName | null,
): Promise<ModuleTarget | undefined> {
  return pickedModule(node, registry, action && methodOf[action], (module, session) => {
    const facts = allowedActions(module, session.role).find(({ name }) => name === action);
    return facts === undefined || facts.enabled;
  });
}

/** As {@link moduleTarget}, for what a maintenance can be begun, or ended. */
export function maintenanceTarget(
  node: TreeNode | undefined,
  registry: ClusterRegistry,
  isUnderWay: boolean,
): Promise<ModuleTarget | undefined> {
  return pickedModule(node, registry, 'module.maintenance', ({ maintenance = null }, session) => {
    return session.may('module.maintenance') && (maintenance !== null) === isUnderWay;
  });
}

/** @param method what is called then, for saying which role it needs; null: nothing is */
async function pickedModule(
  node: TreeNode | undefined,
  registry: ClusterRegistry,
  method: ApiMethod | null,
  suits: (module: ModuleStatus, session: ClusterSession) => boolean,
): Promise<ModuleTarget | undefined> {
  if (node?.kind === 'module') return { session: node.session, module: node.module };
  if (node?.kind === 'replica') return { session: node.session, module: node.module, host: node.host };

  return whileLooking(registry, async () => {
    const items = registry.sessions.flatMap((session) =>
      (session.store.snapshot?.modules ?? [])
        .filter((module) => suits(module, session))
        .map((module) => {
          const facts = moduleFacts(module);
          return {
            label: module.name,
            description: session.profile.name,
            detail: `${facts.word} ${facts.label}`,
            target: { session, module: module.name },
          };
        }),
    );
    if (items.length > 0) return (await vscode.window.showQuickPick(items, { placeHolder: 'Which module?' }))?.target;
    tellNothing(registry, method, 'There is no module for which this makes sense now.');
    return undefined;
  });
}
