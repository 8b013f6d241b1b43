import { SymbolKind } from 'vscode-languageserver';
import type { DocumentSymbol, WorkspaceSymbol } from 'vscode-languageserver';
import type { AnyDocument } from '../../../schemas/document.ts';
import type { Node } from '../../../schemas/jsonText.ts';
import { nameAt } from '../../../schemas/names.ts';
import type { NameKind } from '../../../schemas/names.ts';
import { childAt, endOf, keysOf } from '../../../schemas/jsonPlaces.ts';
import { rangeOf, rangeOfNode } from './model/positions.ts';
import type { SourceFile } from './model/sourceFile.ts';
import { definitionsIn, moduleName } from './summaries.ts';

/** An outline of more entries helps nobody. */
const mostSymbols = 2000;

/** The outline of a file: its keys, and the entries of its lists under what they are called. */
export function symbolsOf({ document }: SourceFile): DocumentSymbol[] {
  const { root } = document;
  if (root === null) return [];
  let left = mostSymbols;
  const symbolsIn = (node: Node, path: readonly (string | number)[]): DocumentSymbol[] => {
    const symbols: DocumentSymbol[] = [];
    for (const [index, child] of (node.children ?? []).entries()) {
      const [key, value] = node.type === 'object' ? (child.children ?? []) : [undefined, child];
      // An entry of a list that is no section is in the line of the list already.
      if (value === undefined || (key === undefined && value.type !== 'object')) continue;
      if (left-- <= 0) break;
      const segment = key === undefined ? index : String(key.value);
      const name = key === undefined ? entryName(value, index) : String(key.value);
      const own = [...path, segment];
      symbols.push({
        // The protocol forbids a name that is empty or blank.
        name: name.trim() === '' ? '""' : name,
        detail: detailOf(value),
        kind: kindOf(document, own, value),
        range: rangeOf(document, child.offset, Math.max(endOf(child), endOf(value))),
        selectionRange: rangeOfNode(document, key ?? value),
        children: symbolsIn(value, own),
      });
    }
    return symbols;
  };
  return symbolsIn(root, []);
}

const symbolKinds: Readonly<Record<NameKind, SymbolKind>> = {
  host: SymbolKind.Object,
  network: SymbolKind.Interface,
  module: SymbolKind.Module,
};

function kindOf({ kind }: AnyDocument, path: readonly (string | number)[], value: Node): SymbolKind {
  const named = nameAt(kind, path, 'key');
  if (named !== null) return symbolKinds[named.kind];
  switch (value.type) {
    case 'object':
      return SymbolKind.Namespace;
    case 'array':
      return SymbolKind.Array;
    case 'number':
      return SymbolKind.Number;
    case 'boolean':
      return SymbolKind.Boolean;
    default:
      return SymbolKind.Property;
  }
}

/** By what an entry says of itself first: its name, file or address, or what kind it is. */
function entryName(entry: Node, index: number): string {
  for (const key of ['name', 'file', 'address', 'bridge', 'agent']) {
    const value: unknown = childAt(entry, key)?.value;
    if (typeof value === 'string' && value !== '') return value;
  }
  return keysOf(entry)[0] ?? String(index + 1);
}

function detailOf(value: Node): string {
  if (value.type === 'array') {
    const texts = (value.children ?? []).map(({ value: each }) => each as unknown);
    return texts.every((each) => typeof each === 'string') ? shortened(texts.join(', ')) : '';
  }
  return value.type === 'object' ? '' : shortened(String(value.value));
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** Modules, hosts and networks of all clusters whose names have the letters that were typed, in their order. */
export function workspaceSymbols(files: readonly SourceFile[], query: string): WorkspaceSymbol[] {
  return (['module', 'host', 'network'] as const)
    .flatMap((kind) => definitionsIn(files, kind))
    .filter(({ occurrence }) => hasLetters(occurrence.name, query))
    .slice(0, mostSymbols)
    .map(({ file, occurrence }) => ({
      name: occurrence.name,
      kind: symbolKinds[occurrence.kind],
      containerName: occurrence.kind === 'module' ? 'module' : `${occurrence.kind} of ${moduleName(file)}`,
      location: { uri: file.uri, range: rangeOfNode(file.document, occurrence.node) },
    }));
}

function hasLetters(name: string, query: string): boolean {
  let from = 0;
  for (const letter of query.toLowerCase()) {
    if (letter === ' ') continue;
    from = name.toLowerCase().indexOf(letter, from) + 1;
    if (from === 0) return false;
  }
  return true;
}
