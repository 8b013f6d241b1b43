import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { clusterTarget } from './clusterTarget.ts';

/** Forgets a cluster that was added in the editor, and its token. Nothing changes on its hosts. */
export async function removeClusterCommand(services: Services, node?: TreeNode): Promise<void> {
  const session = await clusterTarget(node, services.registry, ({ profile }) => profile.source === 'added');
  if (session === undefined) return;
  const { id, name } = session.profile;
  const chosen = await vscode.window.showWarningMessage(
    `Remove cluster ${name} from this editor?`,
    {
      modal: true,
      detail: 'Its address, its certificate and its token are forgotten here. Nothing changes on its hosts.',
    },
    'Remove',
  );
  if (chosen !== 'Remove') return;
  await services.added.remove(id);
  await services.tokens.remove(id);
  await services.registry.reload();
}
