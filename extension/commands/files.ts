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
import type { FileTarget } from './fileTarget.ts';
import { announce, CancelledError, logFailure, tellFailure } from './moduleActions.ts';

type Target = TreeNode | FileTarget | vscode.Uri | undefined;

/** @param target the file that it was called on, perhaps with its cluster; without, the one in the editor */
export async function applyFileCommand(services: Services, target?: Target): Promise<void> {
  const file = fileOf(target, 'Open the module or cluster file that is to be applied first.');
  if (file === null) return;
  const session = file.session ?? (await connectedClusterTarget(undefined, services.registry, 'configuration.apply'));
  if (session === undefined) return;
  const document = await vscode.workspace.openTextDocument(file.uri);
  // What is applied is what lies on the disk afterwards, too.
  if (document.isDirty && !(await document.save())) return;
  await announce(applyFile(session, basename(file.uri.path), document.getText()), services.log);
}

/** Shows a file beside what the hosts run by. @param target as in {@link applyFileCommand} */
export async function compareRunningCommand({ registry, log }: Services, target?: Target): Promise<void> {
  const file = fileOf(target, 'Open the module or cluster file that is to be compared first.');
  if (file === null) return;
  const session = file.session ?? (await connectedClusterTarget(undefined, registry, 'configuration.read'));
  if (session === undefined) return;
  const name = basename(file.uri.path);
  try {
    const { versions } = await session.request('configuration.versions', {});
    const before = versionUri(session, versions[0]?.number ?? 0, name);
    await vscode.commands.executeCommand('vscode.diff', before, file.uri, `${name} (running ↔ this file)`);
  } catch (error) {
    logFailure(error, log);
    tellFailure(error, log);
  }
}

/** The file that a command is about; null: there is none, which was told of. */
function fileOf(
  target: Target,
  advice: string,
): { readonly uri: vscode.Uri; readonly session?: ClusterSession } | null {
  const called = target !== undefined && 'kind' in target && target.kind === 'file' ? target : null;
  const uri = called?.uri ?? (target instanceof vscode.Uri ? target : activeFile());
  if (uri?.scheme === versionScheme) {
    const what = `This is ${basename(uri.path)} of version ${uri.authority}, as it was.`;
    void vscode.window.showInformationMessage(`${what} To have it back use Restore File Version….`);
    return null;
  }
  const kind = uri === undefined ? null : kindOfFile(uri.path);
  if (uri === undefined || kind === null || kind === 'agent') {
    void vscode.window.showInformationMessage(advice);
    return null;
  }
  return called ?? { uri };
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
