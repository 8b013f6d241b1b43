import type { AnyDocument } from '../../../../schemas/document.ts';
import type { Node, PathSegment } from '../../../../schemas/jsonText.ts';
import { branchOf, childSchema, resolveSchema, schemaOf } from '../../../../schemas/schemaNodes.ts';
import type { SchemaJson } from '../../../../schemas/schemaNodes.ts';
import { shapeOf } from '../../../../schemas/schemaAt.ts';

/** A value of a file, with what the schema says of it. */
export interface Walked {
  readonly node: Node;
  readonly path: readonly PathSegment[];
  /** The branch of the schema that the value is meant as, resolved. */
  readonly branch: SchemaJson;
  readonly root: SchemaJson;
}

/** Visits every value that the schema knows of, from the outside to the inside, in the order of the text. */
export function walk(document: AnyDocument, visit: (walked: Walked) => void): void {
  const root = schemaOf[document.kind];
  const into = (node: Node, schema: SchemaJson, path: readonly PathSegment[]): void => {
    const branch = branchOf(schema, shapeOf(node), root);
    visit({ node, path, branch, root });
    for (const [index, child] of (node.children ?? []).entries()) {
      const [key, value] = node.type === 'object' ? (child.children ?? []) : [undefined, child];
      if (value === undefined) continue;
      const segment = key === undefined ? index : String(key.value);
      const own = childSchema(branch, segment, root);
      if (own !== null) into(value, own, [...path, segment]);
    }
  };
  if (document.root !== null) into(document.root, resolveSchema(root, root), []);
}
