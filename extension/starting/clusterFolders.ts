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
  const folders = await Promise.all(
    found.map(async (uri): Promise<ClusterFolder | null> => {
      const text = await textOf(uri);
      if (text === null) return null;
      const cluster = parseDocument('cluster', text, vscode.workspace.asRelativePath(uri));
      return { uri: vscode.Uri.joinPath(uri, '..'), cluster };
    }),
  );
  return folders.filter((folder) => folder !== null).sort((a, b) => a.cluster.file.localeCompare(b.cluster.file));
}

/** The cluster that a new module is for: the only one, or one that the person picks. Undefined: none, which was told of, or given up. */
export async function chooseClusterFolder(title: string): Promise<ClusterFolder | undefined> {
  const folders = await clusterFolders();
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
  const modules: ParsedDocument<'module'>[] = [];
  const add = async (file: vscode.Uri): Promise<void> => {
    const text = await textOf(file);
    if (text !== null) modules.push(parseDocument('module', text, vscode.workspace.asRelativePath(file)));
  };
  for (const [name] of await entriesOf(uri)) {
    if (kindOfFile(name) === 'module') await add(vscode.Uri.joinPath(uri, name));
  }
  for (const folder of folderNames) {
    for (const [name, type] of await entriesOf(vscode.Uri.joinPath(uri, folder))) {
      const path = `${folder}/${name}`;
      taken.push(path);
      if (folder === 'modules' && kindOfFile(name) === 'module') await add(vscode.Uri.joinPath(uri, path));
      if (folder === 'scripts' && type === vscode.FileType.Directory) {
        for (const [script] of await entriesOf(vscode.Uri.joinPath(uri, path))) taken.push(`${path}/${script}`);
      }
    }
  }
  return surroundingsOf(cluster, modules, taken);
}
