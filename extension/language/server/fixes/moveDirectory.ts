import { dirname, join } from 'node:path';
import { crossChecks } from '../../../../schemas/crossChecks.ts';
import { parseDocument } from '../../../../schemas/document.ts';
import type { AnyDocument } from '../../../../schemas/document.ts';
import type { Node } from '../../../../schemas/jsonText.ts';
import { moduleNameOf } from '../../../../schemas/moduleName.ts';
import { endOf } from '../../../../schemas/jsonPlaces.ts';
import type { SourceFile } from '../model/sourceFile.ts';
import { moduleName } from '../summaries.ts';
import { isWhole } from './fix.ts';
import type { Fix, Fixer } from './fix.ts';
import { changeBetween, directoriesOf, moveDirectory } from './splitModule.ts';

/** More choices than this are no help. */
const mostChoices = 8;

/** A module that has grown long can have each of its directories but the first one moved out of it. */
export const splitLongModule: Fixer = ({ diagnostic, file, group }) => {
  if (diagnostic.code !== 'long-module') return [];
  return movable(file)
    .slice(0, mostChoices)
    .flatMap(({ index }) => moveOf(file, group, index) ?? []);
};

/** Moving the directory that stands in a range, in offsets, into a module of its own. */
export function directoryMoves(
  file: SourceFile,
  group: readonly SourceFile[],
  start: number,
  end: number,
): readonly Fix[] {
  return movable(file)
    .filter(({ node }) => node.offset <= end && start <= endOf(node))
    .flatMap(({ index }) => moveOf(file, group, index) ?? []);
}

function movable(file: SourceFile): readonly { readonly node: Node; readonly index: number }[] {
  if (file.kind !== 'module' || !isWhole(file) || !file.uri.startsWith('file:')) return [];
  const directories = directoriesOf(file.document.root) ?? [];
  // At the first one relative paths begin.
  return directories.map((node, index) => ({ node, index })).slice(1);
}

/** Null: what came of it would have mistakes that were not there before. */
function moveOf(file: SourceFile, group: readonly SourceFile[], index: number): Fix | null {
  const { document } = file;
  const directory: unknown = directoriesOf(document.root)?.[index]?.value;
  if (document.value === null || typeof directory !== 'string') return null;
  const name = freeName(directory, group);
  const texts = moveDirectory(document.text, index, name);
  if (texts === null) return null;
  const path = join(dirname(file.path), `${name}.module.jsonc`);
  const before = group.map((each) => each.document);
  const after = [
    ...before.map((each) => (each === document ? parseDocument('module', texts.rest, document.file) : each)),
    parseDocument('module', texts.moved, path),
  ];
  const known = errorsIn(before);
  if ([...errorsIn(after)].some((error) => !known.has(error))) return null;
  return {
    title: `Move ${JSON.stringify(directory)} to a module of its own`,
    edits: [{ file, changes: [changeBetween(document.text, texts.rest)] }],
    newFile: { path, text: texts.moved },
  };
}

/** Like the directory, and not the name of any module or module file of the cluster. */
function freeName(directory: string, group: readonly SourceFile[]): string {
  const modules = group.filter(({ kind }) => kind === 'module');
  const files = modules.map(({ path }) => path.slice(dirname(path).length + 1).replace('.module.jsonc', ''));
  const last = directory.split('/').findLast((part) => part !== '') ?? '';
  return moduleNameOf(last, new Set([...modules.map(moduleName), ...files]));
}

function errorsIn(documents: readonly AnyDocument[]): ReadonlySet<string> {
  const found = [...documents.flatMap(({ diagnostics }) => diagnostics), ...crossChecks(documents)];
  return new Set(
    found
      .filter(({ severity }) => severity === 'error')
      .map(({ file, code, message }) => JSON.stringify([file, code, message])),
  );
}
