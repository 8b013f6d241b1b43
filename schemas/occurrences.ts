import type { AnyDocument } from './document.ts';
import type { Node, PathSegment } from './jsonText.ts';
import { namePatterns } from './names.ts';
import type { NameKind, Pattern } from './names.ts';

/** A name of a host, a network or a module where it stands. */
export interface Occurrence {
  readonly kind: NameKind;
  readonly name: string;
  readonly isDefinition: boolean;
  readonly part: 'key' | 'value';
  /** Of the value, or of the value that the key has. */
  readonly path: readonly PathSegment[];
  /** The text with its quotes. */
  readonly node: Node;
  /** Key and value, when the name is a key. */
  readonly property: Node | null;
}

/** A document as far as names are concerned. */
export type Named = Pick<AnyDocument, 'kind' | 'root'>;

const known = new WeakMap<Named, readonly Occurrence[]>();

/** All names in a document, in the order of their places. A file that is half-typed has those that can be read. */
export function occurrencesIn(document: Named): readonly Occurrence[] {
  let found = known.get(document);
  if (found === undefined) {
    const { root } = document;
    found = root === null ? [] : [...search(document.kind, root)].sort((a, b) => a.node.offset - b.node.offset);
    known.set(document, found);
  }
  return found;
}

/** The name at an offset, also right behind its closing quote; null: none. */
export function occurrenceAt(document: Named, offset: number): Occurrence | null {
  return (
    occurrencesIn(document).find(({ node }) => node.offset <= offset && offset <= node.offset + node.length) ?? null
  );
}

function* search(kind: AnyDocument['kind'], root: Node): Iterable<Occurrence> {
  for (const { pattern, part, ...what } of namePatterns[kind]) {
    for (const { key, value, property, path } of nodesAt(root, pattern)) {
      const node = part === 'key' ? key : value;
      if (node?.type !== 'string') continue;
      const ofKey = part === 'key' ? property : null;
      yield {
        kind: what.kind,
        isDefinition: what.isDefinition,
        part,
        name: String(node.value),
        path,
        node,
        property: ofKey,
      };
    }
  }
}

export interface Found {
  readonly path: readonly PathSegment[];
  readonly property: Node | null;
  readonly key: Node | null;
  /** Null while it is not typed yet. */
  readonly value: Node | null;
}

/** Everything at a path in which "*" stands for any one key or index. */
export function nodesAt(root: Node, pattern: Pattern): readonly Found[] {
  let found: readonly Found[] = [{ path: [], property: null, key: null, value: root }];
  for (const expected of pattern) {
    found = found.flatMap(({ path, value }) => (value === null ? [] : childrenOf(value, path, expected)));
  }
  return found;
}

function childrenOf(node: Node, path: readonly PathSegment[], expected: string): Found[] {
  const children = node.children ?? [];
  if (node.type === 'array') {
    return children.flatMap((value, index) =>
      expected === '*' || expected === String(index)
        ? [{ path: [...path, index], property: null, key: null, value }]
        : [],
    );
  }
  if (node.type !== 'object') return [];
  return children.flatMap((property) => {
    const [key, value] = property.children ?? [];
    if (key === undefined || (expected !== '*' && expected !== key.value)) return [];
    return [{ path: [...path, String(key.value)], property, key, value: value ?? null }];
  });
}
