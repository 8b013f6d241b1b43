import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { agentSchema, clusterSchema, moduleSchema } from '../../schemas/generated/schemas.ts';

const root = resolve(import.meta.dirname, '../..');

type Node = Readonly<Record<string, unknown>>;

interface Key {
  /** Pointer to the key's own part of the schema. */
  readonly pointer: string;
  readonly node: Node;
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every key that a file may have: properties, and the values of maps whose names people choose. */
function* keysOf(node: unknown, pointer: string): Iterable<Key> {
  if (!isNode(node)) return;
  for (const [name, child] of Object.entries(isNode(node['properties']) ? node['properties'] : {})) {
    const at = `${pointer}/properties/${name}`;
    if (isNode(child)) yield { pointer: at, node: child };
    yield* keysOf(child, at);
  }
  const { additionalProperties, items, definitions } = node;
  if (isNode(additionalProperties)) {
    yield { pointer: `${pointer}/additionalProperties`, node: additionalProperties };
    yield* keysOf(additionalProperties, `${pointer}/additionalProperties`);
  }
  yield* keysOf(items, `${pointer}/items`);
  for (const [name, child] of Object.entries(isNode(definitions) ? definitions : {})) {
    yield* keysOf(child, `${pointer}/definitions/${name}`);
  }
}

/** What a key says of itself, or what it refers to does. */
function saidOf(schema: Node, node: Node, what: 'description' | 'examples'): unknown {
  if (what in node) return node[what];
  const { allOf } = node;
  const references = [node, ...(Array.isArray(allOf) ? (allOf as unknown[]).filter(isNode) : [])];
  for (const { $ref } of references) {
    if (typeof $ref !== 'string') continue;
    const definitions = isNode(schema['definitions']) ? schema['definitions'] : {};
    const target = definitions[$ref.replace('#/definitions/', '')];
    const said = isNode(target) ? saidOf(schema, target, what) : undefined;
    if (said !== undefined) return said;
  }
  return undefined;
}

describe.each([
  ['module', moduleSchema],
  ['cluster', clusterSchema],
  ['agent', agentSchema],
] as const)('the schema of %s files', (_, schema) => {
  const keys = [...keysOf(schema, '#')];
  const ajv = new Ajv({ strict: false });
  ajv.addSchema(schema);

  it('says of every key what it means, and gives an example', () => {
    expect(keys.length).toBeGreaterThan(10);
    for (const what of ['description', 'examples'] as const) {
      const without = keys.filter(({ node }) => saidOf(schema, node, what) === undefined);
      expect({ what, without: without.map(({ pointer }) => pointer) }).toEqual({ what, without: [] });
    }
  });

  it('gives examples that are valid', () => {
    for (const { pointer, node } of keys) {
      const validate = ajv.compile({ $ref: `${schema.$id}${encodeURI(pointer)}` });
      for (const example of saidOf(schema, node, 'examples') as unknown[]) {
        expect({ pointer, example, isValid: validate(example) }).toEqual({ pointer, example, isValid: true });
      }
    }
  });

  it('gives defaults that are valid', () => {
    for (const { pointer, node } of keys) {
      if (!('default' in node)) continue;
      const validate = ajv.compile({ $ref: `${schema.$id}${encodeURI(pointer)}` });
      expect({ pointer, isValid: validate(node['default']) }).toEqual({ pointer, isValid: true });
    }
  });
});

it('the reference in docs/reference is that of the schemas', async () => {
  await promisify(execFile)(process.execPath, ['schemas/generateReference.mjs', '--check'], { cwd: root });
});
