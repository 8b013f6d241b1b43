import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { ClusterRegistry } from '../clusters/clusterRegistry.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import type { FileSubject, LiveCluster } from '../model/fileClusters.ts';
import { entriesOf, textOf } from '../readFiles.ts';
import { kindOfFile, parseDocument } from '../../schemas/document.ts';
import type { AnyDocument } from '../../schemas/document.ts';
import { nodeAt } from '../../schemas/jsonPlaces.ts';
import { parseText } from '../../schemas/jsonText.ts';
import { languages } from './client.ts';

/** Files on a disk: what a version held, or another program shows, is not what an agent would get. */
export const selector: vscode.DocumentSelector = languages.map((language) => ({ language, scheme: 'file' }));

/** Folder beside the cluster file that holds module files. */
const modulesFolder = 'modules';

/** A module or cluster file of the editor, as it is at this moment. */
export interface OpenFile {
  readonly subject: FileSubject;
  readonly document: AnyDocument;
}

/** A cluster that is connected, with what keeps it so. */
export interface ConnectedCluster extends LiveCluster {
  readonly session: ClusterSession;
}

/** Whether a document is one of ours, on a disk. */
export function isOurs(document: vscode.TextDocument): boolean {
  return vscode.languages.match(selector, document) > 0;
}

/** Reads a document, and the cluster file that belongs to it. Null: it is named like none of ours. */
export async function readOpenFile(open: vscode.TextDocument): Promise<OpenFile | null> {
  const { uri } = open;
  const kind = kindOfFile(uri.path);
  if (kind !== 'module' && kind !== 'cluster') return null;
  const text = open.getText();
  // Told apart for the compiler.
  const document = kind === 'module' ? parseDocument(kind, text, uri.path) : parseDocument(kind, text, uri.path);
  const name = nameIn(document.root) ?? basename(uri.path).replace(`.${kind}.jsonc`, '');
  const cluster = kind === 'module' ? await clusterBeside(uri) : null;
  return { subject: { kind, name, cluster }, document };
}

/** The name of the cluster whose file lies beside a module file, or above its `modules` folder; null: nothing tells it for certain. */
async function clusterBeside(module: vscode.Uri): Promise<string | null> {
  const own = vscode.Uri.joinPath(module, '..');
  const folder = basename(own.path) === modulesFolder ? vscode.Uri.joinPath(own, '..') : own;
  const names = (await entriesOf(folder)).map(([name]) => name).filter((name) => kindOfFile(name) === 'cluster');
  const [only] = names;
  if (only === undefined || names.length > 1) return null;
  const text = await textOf(vscode.Uri.joinPath(folder, only));
  return text === null ? null : nameIn(parseText(text).root);
}

function nameIn(root: AnyDocument['root']): string | null {
  const value: unknown = nodeAt(root, ['name'])?.value;
  return typeof value === 'string' && value !== '' ? value : null;
}

/** The clusters that are connected now. */
export function connectedClusters({ sessions }: ClusterRegistry): readonly ConnectedCluster[] {
  return sessions.flatMap((session) => {
    const { role, profile, store } = session;
    if (role === null || store.snapshot === null) return [];
    return [{ id: profile.id, name: profile.name, role, snapshot: store.snapshot, session }];
  });
}
