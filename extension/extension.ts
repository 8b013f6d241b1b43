import * as vscode from 'vscode';
import { AddedProfiles } from './clusters/addedProfiles.ts';
import { ClusterRegistry } from './clusters/clusterRegistry.ts';
import { RunningFiles } from './clusters/runningFiles.ts';
import { profilesFromEnvironment, profilesFromSetting } from './clusters/configuredProfiles.ts';
import type { ClusterProfile } from './clusters/profile.ts';
import { registerCommands } from './commands/registerCommands.ts';
import { setHasClusters } from './contextKeys.ts';
import { createFailoverNotice } from './failoverNotice.ts';
import { ImportReports } from './importReports.ts';
import { attendWhileShown } from './language/attention.ts';
import { createLanguageClient } from './language/client.ts';
import { LiveLenses } from './language/codeLens.ts';
import { registerLiveHovers } from './language/liveHover.ts';
import { createLog } from './log.ts';
import { followOtherWindows } from './otherWindows.ts';
import { ExplainPanels } from './panels/explainPanels.ts';
import { FormEditors } from './panels/form/formEditors.ts';
import { ModulePanels } from './panels/modulePanels.ts';
import { Tokens } from './secrets.ts';
import { configuredClusters, onSettingChanged } from './settings.ts';
import { createStatusBar } from './statusBar.ts';
import { registerVersionDocuments } from './versionDocuments.ts';
import { ClusterTree } from './tree/clusterTree.ts';

/** Called by the editor when a view, a panel, a command or a file of ours is first needed. */
export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = createLog();
  const { version } = context.extension.packageJSON as { version: string };
  const added = new AddedProfiles(context.globalState);
  const tokens = new Tokens(context.secrets);
  const profiles = () => allProfiles(added);
  const registry = new ClusterRegistry({ added, tokens, profiles, client: `understudy-vscode ${version}`, log });
  const panels = new ModulePanels(registry, log, context.extensionUri);
  const running = new RunningFiles(registry, log);
  const reports = new ImportReports();
  const importProgram = context.asAbsolutePath('dist/import/import.mjs');
  const explainPanels = new ExplainPanels(context.extensionUri, log);

  context.subscriptions.push(
    log,
    registry,
    panels,
    reports,
    explainPanels,
    new FormEditors(context.extensionUri, log),
    new ClusterTree(registry),
    createStatusBar(registry),
    createFailoverNotice(registry, panels),
    createLanguageClient(context, log),
    running,
    new LiveLenses(registry, running),
    registerLiveHovers(registry),
    attendWhileShown(registry),
    registerVersionDocuments(registry),
    registerCommands({ registry, added, tokens, panels, reports, importProgram, explainPanels, log }),
    registry.onList.on(() => setHasClusters(registry.sessions.length > 0)),
    followOtherWindows(tokens, registry),
    onSettingChanged('clusters', () => void registry.reload()),
    vscode.workspace.onDidGrantWorkspaceTrust(() => void registry.reload()),
  );
  await registry.reload();
}

/** Every cluster, wherever it is kept. None are known, and so none connected, before the workspace is trusted. */
async function allProfiles(added: AddedProfiles): Promise<readonly ClusterProfile[]> {
  if (!vscode.workspace.isTrusted) return [];
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? process.cwd();
  const fromSetting = await profilesFromSetting(configuredClusters(), folder);
  return [...(await profilesFromEnvironment(process.env)), ...fromSetting, ...added.list()];
}
