/** What is written for a key or a value, with the places to fill in. */
import {
  branchesOf,
  branchOf,
  isSchema,
  propertiesOf,
  requiredOf,
  resolveSchema,
  valuesOf,
} from '../../../../schemas/schemaNodes.ts';
import type { SchemaJson } from '../../../../schemas/schemaNodes.ts';

/** Writes values with numbered places to fill in, or plainly for an editor that has no snippets. */
export class SnippetWriter {
  readonly #hasSnippets: boolean;
  readonly #root: SchemaJson;
  #next = 1;

  /** @param root the schema of the whole file */
  constructor(root: SchemaJson, hasSnippets: boolean) {
    this.#root = root;
    this.#hasSnippets = hasSnippets;
  }

  /** A key with a first value. */
  property(key: string, schema: SchemaJson, depth = 0): string {
    return `${this.#key(key)}: ${this.value(schema, depth)}`;
  }

  /** A first value: the default, an example, or what is required. */
  value(schema: SchemaJson, depth = 0): string {
    const branches = branchesOf(schema, this.#root);
    const choices = branches.flatMap(valuesOf);
    if ('default' in schema && isScalar(schema['default'])) return this.#place(schema['default'], choices);
    if (branches.length > 1 && choices.length < branches.length) {
      const example = exampleOf(schema);
      return isSchema(example) ? this.#written(example) : this.value(branchOf(schema, null, this.#root), depth);
    }
    if (choices.length > 0) return this.#place(choices[0], choices);
    const types = Array.isArray(schema['type']) ? (schema['type'] as unknown[]) : [schema['type']];
    switch (types[0]) {
      case 'object':
        return this.#object(schema, depth);
      case 'array':
        return this.#list(schema, depth);
      default:
        return this.#place(exampleOf(schema) ?? emptyOf(types[0], schema), []);
    }
  }

  #object(schema: SchemaJson, depth: number): string {
    const properties = propertiesOf(schema, this.#root);
    const required = requiredOf(schema).filter((key) => properties.has(key));
    // Exactly one of several, such as a kind of server: the first one is offered, the others by completion.
    const one = required.length === 0 && schema['maxProperties'] === 1 ? [...properties.keys()].slice(0, 1) : [];
    const keys = depth > 3 ? [] : [...required, ...one];
    const example = exampleOf(schema);
    // Names that people choose, of which there have to be some.
    const hasNames = isSchema(schema['propertyNames']) && schema['minProperties'] !== undefined;
    const lines =
      hasNames && isSchema(example)
        ? Object.entries(example).map(([name, value]) => `${this.#key(name)}: ${this.#written(value)}`)
        : keys.map((key) => this.property(key, properties.get(key) ?? {}, depth + 1));
    if (lines.length === 0) return `{ ${this.#stop()} }`;
    const indent = '\t'.repeat(depth + 1);
    return `{\n${lines.map((line) => `${indent}${line}`).join(',\n')}\n${'\t'.repeat(depth)}}`;
  }

  /** A value as it is, on one line; texts and numbers in it are places to fill in. */
  #written(value: unknown): string {
    if (Array.isArray(value)) return `[${(value as unknown[]).map((each) => this.#written(each)).join(', ')}]`;
    if (!isSchema(value)) return this.#place(value, []);
    const entries = Object.entries(value).map(([key, each]) => `${this.#key(key)}: ${this.#written(each)}`);
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
  }

  #key(name: string): string {
    return this.#text(JSON.stringify(name));
  }

  #list(schema: SchemaJson, depth: number): string {
    const { items, minItems } = schema;
    if (!isSchema(items)) return `[${this.#stop()}]`;
    const item = resolveSchema(items, this.#root);
    const example = exampleOf(schema);
    if (Array.isArray(example) && example.every(isScalar)) {
      return `[${example.map((value) => this.#place(value, [])).join(', ')}]`;
    }
    const count = typeof minItems === 'number' ? Math.max(1, minItems) : 1;
    return `[${Array.from({ length: count }, () => this.value(item, depth)).join(', ')}]`;
  }

  /** A value that is selected, so that the next key press replaces it. */
  #place(value: unknown, choices: readonly unknown[]): string {
    const text = JSON.stringify(value);
    if (!this.#hasSnippets) return text;
    const number = this.#next++;
    // What is chosen from cannot have these characters.
    const texts = choices.map((choice) => JSON.stringify(choice));
    if (texts.length > 1 && texts.every((each) => !/[,|$}\\]/.test(each))) {
      const others = texts.filter((each) => each !== text);
      return `\${${number}|${[text, ...others].join(',')}|}`;
    }
    if (typeof value !== 'string') return `\${${number}:${this.#text(text)}}`;
    return `"\${${number}:${this.#text(text.slice(1, -1))}}"`;
  }

  #stop(): string {
    return this.#hasSnippets ? `$${this.#next++}` : '';
  }

  #text(text: string): string {
    return this.#hasSnippets ? escapeSnippet(text) : text;
  }
}

/** Text that must not be taken for places to fill in. */
export function escapeSnippet(text: string): string {
  return text.replace(/[\\$}]/g, '\\$&');
}

function exampleOf(schema: SchemaJson): unknown {
  return Array.isArray(schema['examples']) ? (schema['examples'] as unknown[])[0] : undefined;
}

function emptyOf(type: unknown, schema: SchemaJson): unknown {
  if (type === 'boolean') return false;
  if (type === 'integer' || type === 'number') return typeof schema['minimum'] === 'number' ? schema['minimum'] : 0;
  const quoted = typeof schema['patternHint'] === 'string' ? /"([^"…]+)"/.exec(schema['patternHint'])?.[1] : undefined;
  return quoted ?? '';
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}
