import * as vscode from 'vscode';
import type { ClusterRegistry } from '../clusters/clusterRegistry.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import { actionFacts, moduleFacts } from '../model/moduleFacts.ts';
import type { ActionName } from '../../schemas/panel.ts';
import type { TreeNode } from '../tree/nodes.ts';

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

  // From the palette nobody may have looked at the tree yet.
  const looking = registry.attend(null);
  try {
    const items = registry.sessions.flatMap((session) =>
      (session.store.snapshot?.modules ?? [])
        .filter((module) => {
          const facts = actionFacts(module, session.connected).find(({ name }) => name === action);
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
    if (items.length === 0) {
      void vscode.window.showInformationMessage(
        action === null
          ? 'No module is known yet: open the Understudy view to connect.'
          : 'There is no module for which this makes sense now.',
      );
      return undefined;
    }
    return (await vscode.window.showQuickPick(items, { placeHolder: 'Which module?' }))?.target;
  } finally {
    looking.dispose();
  }
}
