import type { Problem } from './diagnostic.ts';
import type { PathSegment } from './jsonText.ts';
import { branchOf, childSchema, isSchema, type SchemaJson, type Shape } from './schemaNodes.ts';

const withDeprecatedKeys = new WeakMap<SchemaJson, boolean>();

/**
 * Keys that a later version of the schema does without. Its annotation says since when and what to use instead:
 * `"deprecated": "since 0.2.0: use \"x\""`.
 * @param value as it was read, whether it is valid or not
 */
export function deprecatedKeys(schema: SchemaJson, value: unknown): readonly Problem[] {
  let hasAny = withDeprecatedKeys.get(schema);
  if (hasAny === undefined) {
    hasAny = JSON.stringify(schema).includes('"deprecated":');
    withDeprecatedKeys.set(schema, hasAny);
  }
  return hasAny ? [...within(schema, value, [], schema)] : [];
}

function* within(
  schema: SchemaJson,
  value: unknown,
  path: readonly PathSegment[],
  root: SchemaJson,
): Iterable<Problem> {
  if (typeof value !== 'object' || value === null) return;
  const isList = Array.isArray(value);
  const shape: Shape = { type: isList ? 'array' : 'object', keys: isList ? [] : Object.keys(value) };
  const branch = branchOf(schema, shape, root);
  const entries: readonly (readonly [PathSegment, unknown])[] = isList
    ? [...(value as unknown[]).entries()]
    : Object.entries(value);
  for (const [segment, child] of entries) {
    const childIs = childSchema(branch, segment, root);
    if (!isSchema(childIs)) continue;
    const told = childIs['deprecated'];
    if (typeof told === 'string' && typeof segment === 'string') {
      yield deprecated(segment, told, [...path, segment], (key) => !Object.hasOwn(value, key) && hasKey(branch, key));
    }
    yield* within(childIs, child, [...path, segment], root);
  }
}

function hasKey({ properties }: SchemaJson, key: string): boolean {
  return isSchema(properties) && Object.hasOwn(properties, key);
}

/** @param canStand whether another key could stand in place of this one */
function deprecated(
  key: string,
  told: string,
  path: readonly PathSegment[],
  canStand: (key: string) => boolean,
): Problem {
  const other = /use "([^"]+)"/.exec(told)?.[1];
  return {
    code: 'deprecated-key',
    severity: 'warning',
    path,
    at: 'key',
    message: `the key "${key}" is deprecated ${told}`,
    expected: null,
    suggestion: other !== undefined && canStand(other) ? other : null,
  };
}
