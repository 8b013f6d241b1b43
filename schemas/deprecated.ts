import type { Problem } from './diagnostic.ts';
import type { PathSegment } from './jsonText.ts';
import { isSchema, type SchemaJson } from './schemaNodes.ts';
import { schemaEntries } from './schemaWalk.ts';

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
  return hasAny ? [...within(schema, value)] : [];
}

function* within(schema: SchemaJson, value: unknown): Iterable<Problem> {
  for (const { path, segment, schema: node, parent, branch } of schemaEntries(schema, value)) {
    const told = node['deprecated'];
    if (typeof told !== 'string' || typeof segment !== 'string') continue;
    yield deprecated(segment, told, path, (key) => !Object.hasOwn(parent, key) && hasKey(branch, key));
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
