import { basename } from 'node:path';
import * as vscode from 'vscode';
import { messageOf } from '../client/errors.ts';
import { setReached } from '../contextKeys.ts';
import { goBack } from '../model/starting/steps.ts';
import { pairsBySpread, possiblePairs, type Pair } from '../model/starting/hostSpread.ts';
import { clusterFolderIn, readSurroundings } from '../starting/clusterFolders.ts';
import { askHosts } from '../starting/hostsQuestion.ts';
import { runImport } from '../importProgram.ts';
import { listed, type ImportAnswer } from '../model/importAnswer.ts';
import type { Services } from '../services.ts';

type Imported = Extract<ImportAnswer, { kind: 'imported' }>;

/**
 * Makes a module of one of SafeKit: shows the report, and writes the files where the person says, after a question that names the folder.
 * @param target the file or folder that it was called on; without, one is asked for
 */
export async function importSafekitCommand(services: Services, target?: vscode.Uri): Promise<void> {
  const source = target instanceof vscode.Uri ? target : await pickSource();
  if (source === undefined) return;
  if (source.scheme !== 'file') {
    void vscode.window.showInformationMessage(
      'Only files of this machine can be imported: copy the module here first.',
    );
    return;
  }
  try {
    const imported = await read(services, source.fsPath);
    if (imported === null) return;
    await services.reports.show(imported.name, imported.report);
    if (imported.impossible !== null) {
      void vscode.window.showWarningMessage(
        `${basename(source.fsPath)} does not become a module. ${imported.impossible}`,
      );
      return;
    }
    await offer(services, source.fsPath, imported);
  } catch (error) {
    services.log.warn(`import: ${messageOf(error)}`);
    void vscode.window.showErrorMessage(messageOf(error));
  }
}

/** A dialog picks either files or folders, on most systems never both. */
async function pickSource(): Promise<vscode.Uri | undefined> {
  const kinds = [
    { label: 'A file', description: 'a .safe file or a userconfig.xml', isFolder: false },
    { label: 'A module folder', description: 'with conf/userconfig.xml and bin in it', isFolder: true },
  ];
  const kind = await vscode.window.showQuickPick(kinds, { placeHolder: 'What is to be imported?' });
  if (kind === undefined) return undefined;
  const picked = await vscode.window.showOpenDialog({
    canSelectFiles: !kind.isFolder,
    canSelectFolders: kind.isFolder,
    openLabel: 'Import',
    title: 'Import SafeKit Module',
    ...(!kind.isFolder && { filters: { 'SafeKit modules': ['safe', 'zip', 'xml'], 'All files': ['*'] } }),
  });
  return picked?.[0];
}

/** Null: it was refused, which the person has been told of. */
async function read(services: Services, source: string): Promise<Imported | null> {
  const answer = await run(services, source, []);
  if (answer.kind === 'imported') return answer;
  services.log.warn(`import of ${source}: ${answer.reason}`);
  void vscode.window.showErrorMessage(`${basename(source)} was not imported. ${answer.reason}`);
  return null;
}

function run(services: Services, source: string, options: readonly string[]): Thenable<ImportAnswer> {
  const progress = { location: vscode.ProgressLocation.Notification, title: `Reading ${basename(source)}` };
  // A path is never taken for an option.
  return vscode.window.withProgress(progress, () => runImport(services.importProgram, [...options, '--', source]));
}

async function offer(services: Services, source: string, imported: Imported): Promise<void> {
  const { name, files, stepsLeft } = imported;
  const words = `The module ${name} and its scripts are ${String(files.length)} files. ${String(stepsLeft)} steps are left to you: the report lists them.`;
  if ((await vscode.window.showInformationMessage(words, 'Write Files…')) !== 'Write Files…') return;
  const folder = await pickFolder();
  if (folder === undefined) return;
  const detail = listed(files);
  const question = `Write the module ${name} to ${folder}?`;
  if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, 'Write')) !== 'Write') return;
  const hosts = await pickHosts(vscode.Uri.file(folder));
  if (hosts === undefined) return;
  const written = await write(services, source, folder, hosts === null ? [] : ['--hosts', hosts.join()]);
  if (written === null) return;
  setReached('hasWrittenModule');
  const uri = vscode.Uri.joinPath(vscode.Uri.file(folder), `${written.name}.module.jsonc`);
  await vscode.window.showTextDocument(uri, { preview: false });
}

async function pickFolder(): Promise<string | undefined> {
  const start = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file')?.uri;
  const picked = await vscode.window.showOpenDialog({
    canSelectFiles: false,
    canSelectFolders: true,
    openLabel: 'Choose Folder',
    title: 'Where to write the module?',
    ...(start !== undefined && { defaultUri: start }),
  });
  return picked?.[0]?.fsPath;
}

/** The hosts of the module, when the cluster file is there that knows them. Null: there is none, and the report asks for them; undefined: the person gave up. */
async function pickHosts(folder: vscode.Uri): Promise<Pair | null | undefined> {
  const cluster = await clusterFolderIn(folder);
  if (cluster === null) return null;
  const around = await readSurroundings(cluster);
  const modules = around.modules.map(({ module }) => module);
  const pairs = around.cluster === null ? [] : pairsBySpread(possiblePairs(around.cluster), modules);
  if (pairs.length === 0) return null;
  const hosts = await askHosts('Import SafeKit Module: hosts', pairs, modules, null, { step: 1, total: 1 });
  return hosts === goBack ? undefined : hosts;
}

/** Nothing that is there is replaced without a question of its own. Null: nothing was written. */
async function write(
  services: Services,
  source: string,
  folder: string,
  options: readonly string[],
): Promise<Imported | null> {
  const first = await run(services, source, [...options, '--to', folder]);
  if (first.kind === 'imported') return first;
  if (first.code !== 'EXISTS') return tellRefused(services, first);
  const count = first.existing.length;
  const question = `Replace ${String(count)} ${count === 1 ? 'file' : 'files'} in ${folder}?`;
  const detail = `${listed(first.existing)}\n\nWhat they hold now is lost.`;
  if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, 'Replace')) !== 'Replace') return null;
  const second = await run(services, source, [...options, '--to', folder, '--overwrite']);
  return second.kind === 'imported' ? second : tellRefused(services, second);
}

function tellRefused(services: Services, { reason }: Extract<ImportAnswer, { kind: 'refused' }>): null {
  services.log.warn(`import: ${reason}`);
  void vscode.window.showErrorMessage(`Nothing was written. ${reason}`);
  return null;
}
