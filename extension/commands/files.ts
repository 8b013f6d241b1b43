import * as vscode from 'vscode';
import { basename } from 'node:path';
import type { VersionInfo } from '../../schemas/generated/api.ts';
import type { ApiMethod } from '../../schemas/apiMethods.ts';
import { kindOfFile } from '../../schemas/document.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { versionScheme, versionUri } from '../versionDocuments.ts';
import { activeFile } from './activeFile.ts';
import { connectedClusterTarget } from './clusterTarget.ts';
import { applyFile, restoreVersion } from './fileActions.ts';
import { announce, CancelledError } from './moduleActions.ts';

/** @param target the file that it was called on; without, the one in the editor */
export async function applyFileCommand(services: Services, target?: TreeNode | vscode.Uri): Promise<void> {
  const uri = target instanceof vscode.Uri ? target : activeFile();
  if (uri?.scheme === versionScheme) {
    const what = `This is ${basename(uri.path)} of version ${uri.authority}, as it was.`;
    void vscode.window.showInformationMessage(`${what} To have it back use Restore File Version….`);
    return;
  }
  const kind = uri === undefined ? null : kindOfFile(uri.path);
  if (uri === undefined || kind === null || kind === 'agent') {
    void vscode.window.showInformationMessage('Open the module or cluster file that is to be applied first.');
    return;
  }
  const session = await connectedClusterTarget(undefined, services.registry, 'configuration.apply');
  if (session === undefined) return;
  const document = await vscode.workspace.openTextDocument(uri);
  // What is applied is what lies on the disk afterwards, too.
  if (document.isDirty && !(await document.save())) return;
  await announce(applyFile(session, basename(uri.path), document.getText()), services.log);
}

export async function compareVersionsCommand(services: Services, node?: TreeNode): Promise<void> {
  const question = 'Compare which version with what runs now?';
  await withVersion(services, node, 'configuration.read', question, async (session, version, running) => {
    const name = await pickFile(version.files, 'Which file?');
    const [before, after] = [versionUri(session, version.number, name), versionUri(session, running, name)];
    const title = `${name} (version ${String(version.number)} ↔ ${String(running)})`;
    await vscode.commands.executeCommand('vscode.diff', before, after, title);
  });
}

export async function restoreVersionCommand(services: Services, node?: TreeNode): Promise<void> {
  await withVersion(services, node, 'configuration.restore', 'Restore which version?', async (session, version) => {
    const all = 'All files';
    const name = await pickFile([...version.files, all], 'Which file?');
    await announce(restoreVersion(session, version.number, name === all ? null : [name]), services.log);
  });
}

async function withVersion(
  { registry, log }: Services,
  node: TreeNode | undefined,
  method: ApiMethod,
  question: string,
  act: (session: ClusterSession, version: VersionInfo, running: number) => Promise<void>,
): Promise<void> {
  const session = await connectedClusterTarget(node, registry, method);
  if (session === undefined) return;
  try {
    const { versions } = await session.request('configuration.versions', {});
    const items = versions.map((version) => ({
      label: `Version ${String(version.number)}`,
      description: [version.at, version.by].filter(Boolean).join(' · '),
      detail: [version.changed.join(', '), version.note].filter(Boolean).join(' — '),
      version,
    }));
    const chosen = await vscode.window.showQuickPick(items, { placeHolder: question });
    // The newest one is what the hosts run by.
    if (chosen !== undefined) await act(session, chosen.version, versions[0]?.number ?? 0);
  } catch (error) {
    await announce(Promise.reject(error instanceof Error ? error : new Error(String(error))), log);
  }
}

async function pickFile(names: readonly string[], question: string): Promise<string> {
  if (names.length === 1 && names[0] !== undefined) return names[0];
  const name = await vscode.window.showQuickPick([...names], { placeHolder: question });
  if (name === undefined) throw new CancelledError();
  return name;
}
