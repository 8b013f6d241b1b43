import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LSPErrorCodes, ResponseError } from 'vscode-languageserver';
import type { Range, RenameFile, TextDocumentEdit, TextEdit, WorkspaceEdit } from 'vscode-languageserver';
import { moduleSchema } from '../../../schemas/generated/schemas.ts';
import type { Node } from '../../../schemas/jsonText.ts';
import type { AgentFile } from './model/agentFiles.ts';
import type { FileFacts } from './model/fileFacts.ts';
import { occurrenceAt, occurrencesIn } from '../../../schemas/occurrences.ts';
import type { Occurrence } from '../../../schemas/occurrences.ts';
import { rangeOf } from './model/positions.ts';
import type { SourceFile } from './model/sourceFile.ts';
import { occurrencesOf } from './references.ts';
import type { NamedPlace } from './references.ts';
import { definitionsIn } from './summaries.ts';

/** The name at an offset without its quotes; null: nothing there can be renamed. */
export function prepareRenameAt(
  file: SourceFile,
  group: readonly SourceFile[],
  offset: number,
): { range: Range; placeholder: string } | null {
  const name = occurrenceAt(file.document, offset);
  // A name that nothing defines is a mistake, which is mended where it stands.
  if (name === null || !definitionsIn(group, name.kind).some(({ occurrence }) => occurrence.name === name.name)) {
    return null;
  }
  return { range: innerRange(file, name), placeholder: name.name };
}

/** Whether what stands at an offset is the name of a host, which agents are told in files of their own. */
export function isHostAt(file: SourceFile, offset: number): boolean {
  return occurrenceAt(file.document, offset)?.kind === 'host';
}

/** A file that names are changed in. */
type Renamed = SourceFile | AgentFile;

/** What the editor can do with edits of several files. */
export interface EditClient {
  readonly hasDocumentChanges: boolean;
  readonly canRenameFiles: boolean;
}

/**
 * Renames a host, network or module in all files of its cluster, and the file of a module that is called like it.
 * @param agents the files of agents that a host is renamed in, too
 * Throws a `ResponseError` that says why a name is refused.
 */
export async function renameAt(
  file: SourceFile,
  group: readonly SourceFile[],
  agents: readonly AgentFile[],
  offset: number,
  newName: string,
  client: EditClient,
  facts: FileFacts,
): Promise<WorkspaceEdit | null> {
  const name = prepareRenameAt(file, group, offset) === null ? null : occurrenceAt(file.document, offset);
  if (name === null) return null;
  if (newName === name.name) return { changes: {} };
  const places = placesToRename(name, file, group, agents);
  refuseBadName(name, newName, group);
  refuseSecond(places, newName);
  const edits = new Map<Renamed, TextEdit[]>();
  for (const { file: each, occurrence } of places) {
    edits.set(each, [...(edits.get(each) ?? []), { range: innerRange(each, occurrence), newText: newName }]);
  }
  if (!client.hasDocumentChanges) {
    return { changes: Object.fromEntries([...edits].map(([{ uri }, own]) => [uri, own])) };
  }
  const changes: (TextDocumentEdit | RenameFile)[] = [...edits].map(([{ uri, version }, own]) => ({
    textDocument: { uri, version },
    edits: own,
  }));
  const renamed = client.canRenameFiles ? await renamedFile(places, newName, group, facts) : null;
  return { documentChanges: renamed === null ? changes : [...changes, renamed] };
}

/** Everywhere the name stands. Of two modules that are called the same only the one that was asked about: that mends it. */
function placesToRename(
  name: Occurrence,
  file: SourceFile,
  group: readonly SourceFile[],
  agents: readonly AgentFile[],
): readonly NamedPlace<Renamed>[] {
  const all = occurrencesOf<Renamed>(name, [...group, ...agents]);
  const isOneOfSeveral =
    name.kind === 'module' && name.isDefinition && all.filter(({ occurrence }) => occurrence.isDefinition).length > 1;
  return isOneOfSeveral ? all.filter((each) => each.file === file && each.occurrence.isDefinition) : all;
}

function refuseBadName({ kind }: Occurrence, newName: string, group: readonly SourceFile[]): void {
  const { pattern, patternHint } = moduleSchema.properties.name;
  if (!new RegExp(pattern).test(newName)) throw refusal(`"${newName}" cannot be a name: expected ${patternHint}`);
  if (definitionsIn(group, kind).some(({ occurrence }) => occurrence.name === newName)) {
    throw refusal(`there is a ${kind} "${newName}" already: choose another name`);
  }
}

/** A name that nothing defines may stand beside the old one already: the same key, or entry of a list, would be there twice. */
function refuseSecond(places: readonly NamedPlace<Renamed>[], newName: string): void {
  const met = places.find(({ file, occurrence }) =>
    occurrencesIn(file.document).some(
      (other) =>
        other.kind === occurrence.kind && other.name === newName && containerOf(other) === containerOf(occurrence),
    ),
  );
  if (met === undefined) return;
  const { file, occurrence } = met;
  throw refusal(`"${newName}" stands beside "${occurrence.name}" in ${basename(file.path)} already: mend that first`);
}

/** The section or list that a name is a key or an entry of. */
function containerOf({ property, node }: Occurrence): Node | undefined {
  return (property ?? node).parent;
}

function refusal(message: string): ResponseError<void> {
  return new ResponseError(LSPErrorCodes.RequestFailed, message);
}

/** Null: no file is called like the module, or another one would be overwritten. */
async function renamedFile(
  places: readonly NamedPlace<Renamed>[],
  newName: string,
  group: readonly SourceFile[],
  facts: FileFacts,
): Promise<RenameFile | null> {
  const defined = places.find(({ occurrence }) => occurrence.kind === 'module' && occurrence.isDefinition);
  if (defined === undefined) return null;
  const { file: own, occurrence } = defined;
  if (!own.uri.startsWith('file:') || basename(own.path) !== `${occurrence.name}.module.jsonc`) return null;
  const path = join(dirname(own.path), `${newName}.module.jsonc`);
  await facts.look([path]);
  if (facts.known(path) !== 'missing' || group.some((each) => each.path === path)) return null;
  return { kind: 'rename', oldUri: own.uri, newUri: pathToFileURL(path).toString(), options: { overwrite: false } };
}

/** Between the quotes. */
function innerRange({ document }: Renamed, { node }: Occurrence): Range {
  const isClosed = node.length > 1 && document.text[node.offset + node.length - 1] === '"';
  return rangeOf(document, node.offset + 1, node.offset + node.length - (isClosed ? 1 : 0));
}
