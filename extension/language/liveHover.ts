import * as vscode from 'vscode';
import type { ClusterRegistry } from '../clusters/clusterRegistry.ts';
import { clustersOf } from '../model/fileClusters.ts';
import { liveLines } from '../model/liveFacts.ts';
import { plain } from '../model/markdown.ts';
import { placeAt } from '../../schemas/jsonPlaces.ts';
import type { Place } from '../../schemas/jsonPlaces.ts';
import { connectedClusters, readOpenFile, selector } from './fileSubjects.ts';

/** Shows what is live of the key or value under the pointer, beside what the language server says that it means. */
export function registerLiveHovers(registry: ClusterRegistry): vscode.Disposable {
  return vscode.languages.registerHoverProvider(selector, {
    provideHover: (document, position) => hoverAt(registry, document, position),
  });
}

async function hoverAt(
  registry: ClusterRegistry,
  open: vscode.TextDocument,
  position: vscode.Position,
): Promise<vscode.Hover | null> {
  const connected = connectedClusters(registry);
  const file = connected.length === 0 ? null : await readOpenFile(open);
  const root = file?.document.root ?? null;
  // What is edited while the file is read is asked for again by the editor.
  const place = root === null ? null : placeAt(root, open.offsetAt(position));
  if (file === null || place === null || place.isGap) return null;
  const { path, part, node } = place;
  const at = { path, part, value: valueAt(place) };
  const told = clustersOf(file.subject, connected).flatMap(({ name, snapshot }) => {
    const lines = liveLines(file.subject, at, snapshot);
    return lines.length === 0 ? [] : [[`$(pulse) Live, ${plain(name)}`, ...lines].join('\n\n')];
  });
  if (told.length === 0) return null;
  const range = new vscode.Range(open.positionAt(node.offset), open.positionAt(node.offset + node.length));
  return new vscode.Hover(
    told.map((text) => new vscode.MarkdownString(text, true)),
    range,
  );
}

/** What stands there, or behind the key that stands there. */
function valueAt({ part, node, property }: Place): unknown {
  const value = part === 'key' ? property?.children?.[1] : node;
  return value?.value as unknown;
}
