import * as vscode from 'vscode';
import { kindOfFile, parseDocument, type ParsedDocument } from '../../schemas/document.ts';
import { surroundingsOf, type Surroundings } from '../model/starting/surroundings.ts';
import { entriesOf, textOf } from '../readFiles.ts';
import { askChoice } from './quickInputs.ts';
import { goBack } from '../model/starting/steps.ts';

/** The folder of a cluster file. */
export interface ClusterFolder {
  readonly uri: vscode.Uri;
  readonly cluster: ParsedDocument<'cluster'>;
}

/** More of them in one workspace are not looked at. */
const mostClusters = 100;

const folderNames = ['modules', 'scripts'] as const;

/** Every cluster file of the workspace, as it is in the editor where it is open. */
export async function clusterFolders(): Promise<readonly ClusterFolder[]> {
  const found = await vscode.workspace.findFiles('**/*.cluster.jsonc', '**/node_modules/**', mostClusters);
  const folders = await Promise.all(found.map(clusterFolderOf));
  return folders.filter((folder) => folder !== null).sort((a, b) => a.cluster.file.localeCompare(b.cluster.file));
}

/** @param uri a cluster file. Null: it cannot be read. */
async function clusterFolderOf(uri: vscode.Uri): Promise<ClusterFolder | null> {
  const text = await textOf(uri);
  if (text === null) return null;
  const cluster = parseDocument('cluster', text, vscode.workspace.asRelativePath(uri));
  return { uri: vscode.Uri.joinPath(uri, '..'), cluster };
}

/** The cluster whose file is in a folder, or above it when the folder is for its modules; null: there is none, or there are several. */
export async function clusterFolderIn(folder: vscode.Uri): Promise<ClusterFolder | null> {
  const names = (await entriesOf(folder)).flatMap(([name]) => (kindOfFile(name) === 'cluster' ? [name] : []));
  const [name] = names;
  if (name !== undefined) return names.length === 1 ? clusterFolderOf(vscode.Uri.joinPath(folder, name)) : null;
  return folder.path.endsWith('/modules') ? clusterFolderIn(vscode.Uri.joinPath(folder, '..')) : null;
}

/**
 * The cluster that a new module is for: the only one, or one that the person picks.
 * @param file the cluster file that is meant; null: it is asked for
 * @returns undefined when there is none, which was told of, or the person gave up.
 */
export async function chooseClusterFolder(title: string, file: vscode.Uri | null): Promise<ClusterFolder | undefined> {
  const meant = file === null ? null : await clusterFolderOf(file);
  const folders = meant === null ? await clusterFolders() : [meant];
  const [only] = folders;
  if (only === undefined) {
    const make = 'New Cluster…';
    const words = 'A module belongs to a cluster, and this workspace has no cluster file (NAME.cluster.jsonc) yet.';
    const chosen = await vscode.window.showInformationMessage(words, make);
    if (chosen === make) await vscode.commands.executeCommand('understudy.newCluster');
    return undefined;
  }
  const broken = (folder: ClusterFolder): boolean => folder.cluster.value === null;
  const items = folders.map((folder) => ({
    label: folder.cluster.value?.name ?? folder.cluster.file,
    description: broken(folder) ? `${folder.cluster.file} has errors` : folder.cluster.file,
    value: folder,
  }));
  const question = { title, placeholder: 'Which cluster is it for?', items };
  const folder = folders.length === 1 ? only : await askChoice(question, { step: 1, total: 1 });
  if (folder === undefined || folder === goBack) return undefined;
  if (!broken(folder)) return folder;
  void vscode.window.showErrorMessage(
    `${folder.cluster.file} has errors: mend them first, since a new module is checked against it.`,
  );
  return undefined;
}

/** What the folder holds that a new file has to fit to. */
export async function readSurroundings({ uri, cluster }: ClusterFolder): Promise<Surroundings> {
  const taken: string[] = [];
  const files: vscode.Uri[] = [];
  for (const [name] of await entriesOf(uri)) {
    if (kindOfFile(name) === 'module') files.push(vscode.Uri.joinPath(uri, name));
  }
  for (const folder of folderNames) {
    for (const [name, type] of await entriesOf(vscode.Uri.joinPath(uri, folder))) {
      const path = `${folder}/${name}`;
      taken.push(path);
      if (folder === 'modules' && kindOfFile(name) === 'module') files.push(vscode.Uri.joinPath(uri, path));
      if (folder === 'scripts' && type === vscode.FileType.Directory) {
        for (const [script] of await entriesOf(vscode.Uri.joinPath(uri, path))) taken.push(`${path}/${script}`);
      }
    }
  }
  // There may be hundreds, on a host that is far away.
  const texts = await Promise.all(files.map(textOf));
  const modules = files.flatMap((file, index): ParsedDocument<'module'>[] => {
    const text = texts[index] ?? null;
    return text === null ? [] : [parseDocument('module', text, vscode.workspace.asRelativePath(file))];
  });
  return surroundingsOf(cluster, modules, taken);
}
