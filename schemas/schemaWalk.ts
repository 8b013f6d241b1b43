/** Goes through a value beside the schema that it is to follow. */
import type { PathSegment } from './jsonText.ts';
import { branchOf, childSchema, isSchema, type SchemaJson, type Shape } from './schemaNodes.ts';

/** One entry of an object or a list, of which the schema knows something. */
export interface SchemaEntry {
  readonly path: readonly PathSegment[];
  /** The last of the path. */
  readonly segment: PathSegment;
  readonly value: unknown;
  readonly schema: SchemaJson;
  /** The object or list that it stands in. */
  readonly parent: object;
  /** What the schema says of that, with the branch chosen that fits its keys. */
  readonly branch: SchemaJson;
}

/**
 * Each entry before those within it, in the order of the text.
 * @param value as it was read, whether it is valid or not
 */
export function* schemaEntries(
  schema: SchemaJson,
  value: unknown,
  path: readonly PathSegment[] = [],
  root = schema,
): Iterable<SchemaEntry> {
  if (typeof value !== 'object' || value === null) return;
  const isList = Array.isArray(value);
  const shape: Shape = { type: isList ? 'array' : 'object', keys: isList ? [] : Object.keys(value) };
  const branch = branchOf(schema, shape, root);
  const entries: Iterable<readonly [PathSegment, unknown]> = isList
    ? (value as unknown[]).entries()
    : Object.entries(value);
  for (const [segment, child] of entries) {
    const childIs = childSchema(branch, segment, root);
    if (!isSchema(childIs)) continue;
    const childPath = [...path, segment];
    yield { path: childPath, segment, value: child, schema: childIs, parent: value, branch };
    yield* schemaEntries(childIs, child, childPath, root);
  }
}
