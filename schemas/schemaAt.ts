import type { DocumentKind } from './document.ts';
import type { Node, PathSegment } from './jsonText.ts';
import { branchOf, childSchema, resolveSchema, schemaOf } from './schemaNodes.ts';
import type { SchemaJson, Shape } from './schemaNodes.ts';
import { childAt, keysOf } from './jsonPlaces.ts';

/** The part of a schema that is about one value. */
export interface SchemaPlace {
  /** Resolved, but not yet one of its branches: those share its description. */
  readonly schema: SchemaJson;
  /** The branch that the value is meant as; of a value that is not there, the one that has keys. */
  readonly branch: SchemaJson;
  /** The schema of the whole file, to which references lead. */
  readonly root: SchemaJson;
  /** The version that brought it: its own, or that of what it is in. */
  readonly since: string | null;
}

/** What the schema says of the value at a path, whether it is there or not; null when nothing may be there. */
export function schemaAt(
  { kind, root: tree }: { readonly kind: DocumentKind; readonly root: Node | null },
  path: readonly PathSegment[],
): SchemaPlace | null {
  const root = schemaOf[kind];
  let schema = resolveSchema(root, root);
  let node = tree;
  let since = sinceOf(schema);
  for (const segment of path) {
    const child = childSchema(branchOf(schema, shapeOf(node), root), segment, root);
    if (child === null) return null;
    schema = child;
    since = sinceOf(schema) ?? since;
    node = node === null ? null : childAt(node, segment);
  }
  return { schema, branch: branchOf(schema, shapeOf(node), root), root, since };
}

export function shapeOf(node: Node | null): Shape | null {
  if (node === null || node.type === 'property') return null;
  return {
    type: node.type,
    // Asked for only where there is something to choose: there may be many.
    get keys() {
      return keysOf(node);
    },
  };
}

function sinceOf(schema: SchemaJson): string | null {
  return typeof schema['since'] === 'string' ? schema['since'] : null;
}
