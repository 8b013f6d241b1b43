import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import { kindOfFile, parseDocument } from '../../../../schemas/document.ts';
import type { ParsedDocument } from '../../../../schemas/document.ts';
import { filesBelow, textOf } from './readFiles.ts';

/**
 * The configuration of one host's agent, where it lies among the files of a cluster. It is in no language of ours: it is looked for
 * only when a host gets another name.
 */
export interface AgentFile {
  readonly uri: string;
  readonly path: string;
  /** Of the open document; null: it is not open. */
  readonly version: number | null;
  readonly document: ParsedDocument<'agent'>;
}

/**
 * The `agent.jsonc` of hosts in the folder of a cluster and below it, but for those that lie nearer to the file of another cluster. Those
 * that cannot be read are left out.
 *
 * @param folder an absolute path
 * @param openAs the document of an address, if it is open in the editor: then its text counts
 */
export async function agentFilesOf(
  folder: string,
  openAs: (uri: string) => TextDocument | undefined,
): Promise<readonly AgentFile[]> {
  const found = await filesBelow(folder, (name) => ['agent', 'cluster'].includes(kindOfFile(name) ?? ''));
  const ofKind = (kind: 'agent' | 'cluster'): string[] => found.filter((path) => kindOfFile(path) === kind);
  const clusters = new Set(ofKind('cluster').map((path) => dirname(path)));
  const own = ofKind('agent').filter((path) => nearest(dirname(path), clusters, folder) === folder);
  const files = await Promise.all(own.map((path) => read(path, openAs)));
  return files.filter((file) => file !== null);
}

/** The innermost of these folders that a folder is in or is; without one the outermost that is asked about. */
function nearest(folder: string, among: ReadonlySet<string>, outermost: string): string {
  return folder === outermost || among.has(folder) || dirname(folder) === folder
    ? folder
    : nearest(dirname(folder), among, outermost);
}

async function read(path: string, openAs: (uri: string) => TextDocument | undefined): Promise<AgentFile | null> {
  const uri = pathToFileURL(path).toString();
  const open = openAs(uri);
  const text = open === undefined ? await textOf(path).catch(() => null) : open.getText();
  if (text === null) return null;
  return { uri: open?.uri ?? uri, path, version: open?.version ?? null, document: parseDocument('agent', text, path) };
}
