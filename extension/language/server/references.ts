/** Go to definition, find references and highlight: of hosts, networks and modules, across the files of a cluster. */
import type { DocumentHighlight, Location } from 'vscode-languageserver';
import { DocumentHighlightKind } from 'vscode-languageserver';
import type { FileFacts } from './model/fileFacts.ts';
import { namedFilesIn } from './model/namedFiles.ts';
import type { AnyDocument } from '../../../schemas/document.ts';
import { occurrenceAt, occurrencesIn } from '../../../schemas/occurrences.ts';
import type { Occurrence } from '../../../schemas/occurrences.ts';
import { rangeOfNode } from './model/positions.ts';
import type { SourceFile } from './model/sourceFile.ts';
import { pathToFileURL } from 'node:url';

/** A name in a file of a cluster. */
export interface NamedPlace<File = SourceFile> {
  readonly file: File;
  readonly occurrence: Occurrence;
}

/** Where a name stands, in all files of its cluster. */
export function occurrencesOf<File extends { readonly document: AnyDocument }>(
  { kind, name }: Pick<Occurrence, 'kind' | 'name'>,
  group: readonly File[],
): readonly NamedPlace<File>[] {
  return group.flatMap((file) =>
    occurrencesIn(file.document)
      .filter((each) => each.kind === kind && each.name === name)
      .map((occurrence) => ({ file, occurrence })),
  );
}

/** Where the name at an offset is defined, or the file that is named there, if it is on this machine. */
export async function definitionAt(
  file: SourceFile,
  group: readonly SourceFile[],
  offset: number,
  facts: FileFacts,
): Promise<Location[]> {
  const name = occurrenceAt(file.document, offset);
  if (name !== null) {
    return occurrencesOf(name, group)
      .filter(({ occurrence }) => occurrence.isDefinition)
      .map(locationOf);
  }
  const named = namedFilesIn(file.document).find(
    ({ node, role }) => role !== 'directory' && node.offset <= offset && offset <= node.offset + node.length,
  );
  if (named === undefined) return [];
  await facts.look(named.candidates);
  const path = named.candidates.find((each) => ['file', 'executable'].includes(facts.known(each) ?? ''));
  const start = { line: 0, character: 0 };
  return path === undefined ? [] : [{ uri: pathToFileURL(path).toString(), range: { start, end: start } }];
}

/** Everywhere the name at an offset stands. */
export function referencesAt(
  file: SourceFile,
  group: readonly SourceFile[],
  offset: number,
  withDefinitions: boolean,
): Location[] {
  const name = occurrenceAt(file.document, offset);
  if (name === null) return [];
  return occurrencesOf(name, group)
    .filter(({ occurrence }) => withDefinitions || !occurrence.isDefinition)
    .map(locationOf);
}

/** Where the name at an offset stands in the same file. */
export function highlightsAt(file: SourceFile, offset: number): DocumentHighlight[] {
  const name = occurrenceAt(file.document, offset);
  if (name === null) return [];
  return occurrencesOf(name, [file]).map(({ occurrence }) => ({
    range: rangeOfNode(file.document, occurrence.node),
    kind: occurrence.isDefinition ? DocumentHighlightKind.Write : DocumentHighlightKind.Read,
  }));
}

function locationOf({ file, occurrence }: NamedPlace): Location {
  return { uri: file.uri, range: rangeOfNode(file.document, occurrence.node) };
}
