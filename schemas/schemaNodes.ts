import { agentSchema, clusterSchema, moduleSchema } from './generated/schemas.ts';
import type { PathSegment } from './jsonText.ts';

/** A JSON schema (draft 7), or a part of one, as it was read. */
export type SchemaJson = Readonly<Record<string, unknown>>;

/** The schema of each kind of file. */
export const schemaOf: Readonly<Record<'module' | 'cluster' | 'agent', SchemaJson>> = {
  module: moduleSchema,
  cluster: clusterSchema,
  agent: agentSchema,
};

/** What is known of a value, to choose between the branches of a schema. */
export interface Shape {
  readonly type: 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';
  /** Of an object. */
  readonly keys: readonly string[];
}

const resolvedSchemas = new WeakMap<SchemaJson, SchemaJson>();

/**
 * A schema with its reference followed and its `allOf` merged in; what it says itself wins.
 * @param root the schema whose definitions are referred to
 */
export function resolveSchema(schema: SchemaJson, root: SchemaJson): SchemaJson {
  const known = resolvedSchemas.get(schema);
  if (known !== undefined) return known;
  const { $ref: reference, allOf, ...own } = schema;
  if (reference === undefined && allOf === undefined) {
    resolvedSchemas.set(schema, schema);
    return schema;
  }
  let merged: SchemaJson = {};
  if (typeof reference === 'string') merged = resolveSchema(definitionOf(reference, root), root);
  for (const part of objectsOf(allOf)) merged = { ...merged, ...resolveSchema(part, root) };
  merged = { ...merged, ...own };
  resolvedSchemas.set(schema, merged);
  return merged;
}

function definitionOf(reference: string, root: SchemaJson): SchemaJson {
  const definitions = isSchema(root['definitions']) ? root['definitions'] : {};
  const found = definitions[reference.replace('#/definitions/', '')];
  if (!isSchema(found)) throw new Error(`The schema refers to ${reference}, which it does not define.`);
  return found;
}

/** What a value may be, resolved: the branches of `oneOf` or `anyOf`, or the schema itself when it has none. */
export function branchesOf(schema: SchemaJson, root: SchemaJson): readonly SchemaJson[] {
  const resolved = resolveSchema(schema, root);
  const branches = objectsOf(resolved['oneOf'] ?? resolved['anyOf']);
  return branches.length === 0 ? [resolved] : branches.map((branch) => resolveSchema(branch, root));
}

/** The branch that a value of this shape is most likely meant as; of something that is not there yet, the one that has keys. */
export function branchOf(schema: SchemaJson, shape: Shape | null, root: SchemaJson): SchemaJson {
  const branches = branchesOf(schema, root);
  const [first] = branches;
  if (first === undefined || branches.length === 1) return first ?? schema;
  const type = shape?.type ?? 'object';
  const fitting = branches.filter((branch) => typesOf(branch).includes(type));
  const known = (branch: SchemaJson): number =>
    (shape?.keys ?? []).filter((key) => isSchema(branch['properties']) && key in branch['properties']).length;
  return fitting.toSorted((a, b) => known(b) - known(a))[0] ?? first;
}

/** The types of the values that a schema allows; none: it does not say. */
export function typesOf(schema: SchemaJson): readonly Shape['type'][] {
  const { type } = schema;
  const named: readonly unknown[] = Array.isArray(type) ? (type as unknown[]) : [type];
  const types = named.filter((each) => typeof each === 'string');
  if (types.length > 0) return types.map((each) => (each === 'integer' ? 'number' : each) as Shape['type']);
  return [...new Set(valuesOf(schema).map(typeOfValue))];
}

/** The values that a schema names one by one; none: it does not. */
export function valuesOf(schema: SchemaJson): readonly unknown[] {
  if (Array.isArray(schema['enum'])) return schema['enum'] as unknown[];
  return 'const' in schema ? [schema['const']] : [];
}

function typeOfValue(value: unknown): Shape['type'] {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value as Shape['type'];
}

/** What stands under a key or at an index, by a branch; null when nothing is allowed there. */
export function childSchema(branch: SchemaJson, segment: PathSegment, root: SchemaJson): SchemaJson | null {
  if (typeof segment === 'number') return isSchema(branch['items']) ? resolveSchema(branch['items'], root) : null;
  const { properties, additionalProperties } = branch;
  if (isSchema(properties) && Object.hasOwn(properties, segment)) {
    const own = properties[segment];
    return isSchema(own) ? resolveSchema(own, root) : null;
  }
  return isSchema(additionalProperties) ? resolveSchema(additionalProperties, root) : null;
}

/** The keys that a branch names, in the schema's order, each with what it says of the key. */
export function propertiesOf(branch: SchemaJson, root: SchemaJson): ReadonlyMap<string, SchemaJson> {
  const { properties } = branch;
  if (!isSchema(properties)) return new Map();
  return new Map(
    Object.entries(properties).flatMap(([key, schema]) =>
      isSchema(schema) ? [[key, resolveSchema(schema, root)]] : [],
    ),
  );
}

/** The keys that a branch requires. */
export function requiredOf(branch: SchemaJson): readonly string[] {
  const { required } = branch;
  return Array.isArray(required) ? (required as unknown[]).filter((key) => typeof key === 'string') : [];
}

export function isSchema(value: unknown): value is SchemaJson {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objectsOf(value: unknown): readonly SchemaJson[] {
  return Array.isArray(value) ? (value as unknown[]).filter(isSchema) : [];
}
