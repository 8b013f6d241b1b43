import * as vscode from 'vscode';
import type { Services } from '../services.ts';
import type { TreeNode } from '../tree/nodes.ts';
import { addClusterCommand } from './addCluster.ts';
import { applyFileCommand, compareRunningCommand, compareVersionsCommand, restoreVersionCommand } from './files.ts';
import type { FileTarget } from './fileTarget.ts';
import { drainHostCommand, undrainHostCommand } from './drain.ts';
import { enterTokenCommand } from './enterToken.ts';
import { explainModuleCommand } from './explainModule.ts';
import { forcePrimaryCommand } from './forcePrimary.ts';
import { importSafekitCommand } from './importSafekit.ts';
import { beginMaintenanceCommand, endMaintenanceCommand } from './maintenance.ts';
import { openFormCommand, openTextCommand } from './openForm.ts';
import { openModuleCommand } from './openModule.ts';
import { reconnectCommand } from './reconnect.ts';
import { removeClusterCommand } from './removeCluster.ts';
import { repairCommand } from './repair.ts';
import { resolveCommand } from './resolve.ts';
import { paceResyncCommand, pauseResyncCommand, resumeResyncCommand } from './resync.ts';
import { startModuleCommand } from './startModule.ts';
import { stopModuleCommand } from './stopModule.ts';
import { stopVerifyCommand } from './stopVerify.ts';
import { switchoverCommand } from './switchover.ts';
import { verifyCommand } from './verify.ts';

/** What it was called on, a line of the tree or a file, is known by whoever put it into that menu. */
type Command = (services: Services, target?: never) => Promise<void> | void;

const commands: Readonly<Record<string, Command>> = {
  // These bring every template and check along: they are loaded by whoever runs them.
  newCluster: async (services) => (await import('./newCluster.ts')).newClusterCommand(services),
  newModule: async (services, target?: TreeNode | vscode.Uri) =>
    (await import('./newModule.ts')).newModuleCommand(services, target),
  protectAll: async (services) => (await import('./protectAll.ts')).protectAllCommand(services),
  addCluster: addClusterCommand,
  removeCluster: removeClusterCommand,
  reconnect: reconnectCommand,
  enterToken: enterTokenCommand,
  openModule: openModuleCommand,
  startModule: startModuleCommand,
  stopModule: stopModuleCommand,
  switchover: switchoverCommand,
  forcePrimary: forcePrimaryCommand,
  resolve: resolveCommand,
  verify: verifyCommand,
  stopVerify: stopVerifyCommand,
  repair: repairCommand,
  pauseResync: pauseResyncCommand,
  resumeResync: resumeResyncCommand,
  paceResync: paceResyncCommand,
  beginMaintenance: beginMaintenanceCommand,
  endMaintenance: endMaintenanceCommand,
  drainHost: drainHostCommand,
  undrainHost: undrainHostCommand,
  explainModule: explainModuleCommand,
  openForm: openFormCommand,
  openText: openTextCommand,
  applyFile: applyFileCommand,
  compareRunning: compareRunningCommand,
  compareVersions: compareVersionsCommand,
  restoreVersion: restoreVersionCommand,
  importSafekit: importSafekitCommand,
  showLog: (services) => services.log.show(),
};

/** Registers every command of package.json. */
export function registerCommands(services: Services): vscode.Disposable {
  return vscode.Disposable.from(
    ...Object.entries(commands).map(([name, run]) =>
      vscode.commands.registerCommand(`understudy.${name}`, (target?: TreeNode | FileTarget | vscode.Uri) =>
        run(services, target as never),
      ),
    ),
  );
}
