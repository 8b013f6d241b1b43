import * as vscode from 'vscode';
import type { ClusterRegistry } from '../clusters/clusterRegistry.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import { allowedActions, missingRole } from '../model/allowedActions.ts';
import { moduleFacts } from '../model/moduleFacts.ts';
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
 * @param action offer only the modules for which it makes sense now
 */
export async function moduleTarget(
  node: TreeNode | undefined,
  registry: ClusterRegistry,
  action: ActionName | null,
): Promise<ModuleTarget | undefined> {
  if (node?.kind === 'module') return { session: node.session, module: node.module };
  if (node?.kind === 'replica') return { session: node.session, module: node.module, host: node.host };

  return whileLooking(registry, async () => {
    const items = registry.sessions.flatMap((session) =>
      (session.store.snapshot?.modules ?? [])
        .filter((module) => {
          const facts = allowedActions(module, session.role).find(({ name }) => name === action);
          return facts === undefined || facts.enabled;
        })
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
    const missing = registry.sessions.map(({ role }) => (action === null ? null : missingRole(action, role)));
    tellNothing(
      registry,
      missing.find((each) => each !== null) ?? 'There is no module for which this makes sense now.',
    );
    return undefined;
  });
}
