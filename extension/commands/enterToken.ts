import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { clusterTarget } from './clusterTarget.ts';

/** Asks for a token; undefined: cancelled. */
export async function askToken(cluster: string, title: string): Promise<string | undefined> {
  const token = await vscode.window.showInputBox({
    title,
    prompt: `Token for ${cluster}, made on one of its hosts with "understudy token create". It is kept in the secret storage.`,
    password: true,
    ignoreFocusOut: true,
    validateInput: (value) => (/^\S+$/.test(value.trim()) ? null : 'Paste the token: one word without spaces.'),
  });
  return token?.trim();
}

/** Replaces the token of a cluster and connects with it. */
export async function enterTokenCommand(services: Services, node?: TreeNode): Promise<void> {
  const session = await clusterTarget(node, services.registry, ({ profile }) => profile.tokenFile === null);
  if (session === undefined) return;
  const token = await askToken(session.profile.name, `Enter Token: ${session.profile.name}`);
  if (token === undefined) return;
  await services.tokens.set(session.profile.id, token);
  // The clusters may have been loaded anew while it was typed.
  services.registry.find(session.profile.id)?.reconnect();
}
