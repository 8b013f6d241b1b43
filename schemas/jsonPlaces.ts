/** What stands where in a text: for whoever is told an offset, such as that of a cursor. */
import { propertyNamed } from './jsonText.ts';
import type { Node, PathSegment } from './jsonText.ts';

/** What stands at an offset. */
export interface Place {
  /** Of the value, or of the value that the key has. */
  readonly path: readonly PathSegment[];
  readonly part: 'key' | 'value';
  /** The key, or the value. */
  readonly node: Node;
  /** Key and value, when the node is one of the two. */
  readonly property: Node | null;
  /** Whether the offset is in an object or list itself, on none of what is in it. */
  readonly isGap: boolean;
}

/** The innermost key or value at an offset; one also counts as being there right behind its last character. Null: none is. */
export function placeAt(root: Node, offset: number): Place | null {
  if (!covers(root, offset)) return null;
  let place: Place = { path: [], part: 'value', node: root, property: null, isGap: isContainer(root) };
  for (;;) {
    const next = inner(place, offset);
    if (next === null) return place;
    place = next;
    if (place.part === 'key') return place;
  }
}

/** What of a value is at the offset; null when nothing in it is. */
function inner({ node, path }: Place, offset: number): Place | null {
  const children = node.children ?? [];
  for (const [index, child] of children.entries()) {
    if (!covers(child, offset)) continue;
    if (node.type === 'array') {
      return { path: [...path, index], part: 'value', node: child, property: null, isGap: isContainer(child) };
    }
    const [key, value] = child.children ?? [];
    if (key === undefined) continue;
    const own = [...path, String(key.value)];
    if (covers(key, offset)) return { path: own, part: 'key', node: key, property: child, isGap: false };
    if (value !== undefined && covers(value, offset)) {
      return { path: own, part: 'value', node: value, property: child, isGap: isContainer(value) };
    }
  }
  return null;
}

function covers(node: Node, offset: number): boolean {
  return node.offset <= offset && offset <= endOf(node);
}

function isContainer(node: Node): boolean {
  return node.type === 'object' || node.type === 'array';
}

/** The value at a path; null: there is none. Of duplicate keys the last one counts. */
export function nodeAt(root: Node | null, path: readonly PathSegment[]): Node | null {
  let node = root;
  for (const segment of path) {
    if (node === null) return null;
    node = childAt(node, segment);
  }
  return node;
}

export function childAt(node: Node, segment: PathSegment): Node | null {
  if (typeof segment === 'number') return node.type === 'array' ? (node.children?.[segment] ?? null) : null;
  return propertyNamed(node, segment)?.children?.[1] ?? null;
}

/** The names of the keys of an object, none of anything else. */
export function keysOf(node: Node | null): readonly string[] {
  if (node?.type !== 'object') return [];
  return (node.children ?? []).flatMap((child) => {
    const [key] = child.children ?? [];
    return key === undefined ? [] : [String(key.value)];
  });
}

/** Behind the last character of a node. Of one that never ends (half a file) the parser does not know it. */
export function endOf(node: Node): number {
  if (node.length >= 0) return node.offset + node.length;
  const last = node.children?.at(-1);
  return last === undefined ? node.offset + 1 : endOf(last);
}
