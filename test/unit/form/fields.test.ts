import { describe, expect, it } from 'vitest';
import { parseDocument } from '../../../schemas/document.ts';
import { messageWithHint } from '../../../schemas/diagnostic.ts';
import type { PathSegment } from '../../../schemas/jsonText.ts';
import { parseText } from '../../../schemas/jsonText.ts';
import { schemaOf } from '../../../schemas/schemaNodes.ts';
import { formOf, noNames } from '../../../extension/model/form/fields.ts';
import { namesFor, namesIn } from '../../../extension/model/form/groupNames.ts';
import { placedProblems } from '../../../extension/model/form/problems.ts';
import { allFields, clusterText, field, form, kindOf, moduleText } from './samples.ts';

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Name of an entry of each map of a sample. */
const entry = 'entry';

/** A schema read by this test itself, so that what the form reads is not taken for what there is. */
class Reader {
  readonly #definitions: Json;
  #choices = 0;

  constructor(readonly root: Json) {
    this.#definitions = isObject(root['definitions']) ? root['definitions'] : {};
  }

  resolve(schema: unknown): Json {
    if (!isObject(schema)) return {};
    const { $ref, allOf, ...own } = schema;
    const referred =
      typeof $ref === 'string' ? this.resolve(this.#definitions[$ref.replace('#/definitions/', '')]) : {};
    const parts = Array.isArray(allOf) ? allOf.map((part) => this.resolve(part)) : [];
    return Object.assign({}, referred, ...parts, own) as Json;
  }

  /** Every path of a key or entry, with * for each index and name. */
  *paths(schema: unknown, at = ''): Iterable<string> {
    const { properties, additionalProperties, items, oneOf } = this.resolve(schema);
    if (isObject(properties)) {
      for (const [key, child] of Object.entries(properties)) {
        const own = at === '' ? key : `${at}/${key}`;
        yield own;
        yield* this.paths(child, own);
      }
    }
    for (const child of [additionalProperties, items]) {
      if (!isObject(child)) continue;
      yield `${at}/*`;
      yield* this.paths(child, `${at}/*`);
    }
    for (const branch of Array.isArray(oneOf) ? oneOf : []) yield* this.paths(branch, at);
  }

  /** A value with everything in it that there may be at the same time; of what is chosen from, one by turns. */
  sample(schema: unknown): unknown {
    const node = this.resolve(schema);
    const { properties, additionalProperties, items, oneOf, exactlyOneOf, type } = node;
    if (Array.isArray(oneOf)) return this.sample(this.#oneOf(oneOf));
    if ('const' in node) return node['const'];
    if (Array.isArray(node['enum'])) return this.#oneOf(node['enum']);
    const chosen = Array.isArray(type) ? this.#oneOf(type) : type;
    if (chosen === 'array') return [this.sample(items)];
    if (chosen === 'boolean') return true;
    if (chosen === 'integer' || chosen === 'number') return 1;
    if (chosen !== 'object') return 'x';
    const kinds: readonly unknown[] = Array.isArray(exactlyOneOf) ? exactlyOneOf : [];
    const kind = kinds.length === 0 ? null : this.#oneOf(kinds);
    const keys = isObject(properties) ? Object.entries(properties) : [];
    return {
      ...Object.fromEntries(
        keys.filter(([key]) => !kinds.includes(key) || key === kind).map(([key, child]) => [key, this.sample(child)]),
      ),
      ...(isObject(additionalProperties) && { [entry]: this.sample(additionalProperties) }),
    };
  }

  #oneOf(choices: readonly unknown[]): unknown {
    // Choices within one another must not go round together.
    this.#choices = (this.#choices * 31 + 17) % 1009;
    return choices[this.#choices % choices.length];
  }
}

const patternOf = (path: readonly PathSegment[]): string =>
  path.map((segment) => (typeof segment === 'number' || segment === entry ? '*' : segment)).join('/');

describe.each(['module', 'cluster'] as const)('the form of a %s file', (kind) => {
  const schema = schemaOf[kind];
  const reader = new Reader(schema);

  it('has a field for every key of the schema, and none that the schema does not know', () => {
    const found = new Set<string>();
    for (let turn = 0; turn < 200; turn++) {
      const text = JSON.stringify(reader.sample(schema), null, 2);
      const fields = allFields(formOf({ kind, text, root: parseText(text).root }, noNames));
      expect(fields.filter((each) => each.kind === 'unknown' || each.kind === 'mismatch')).toEqual([]);
      for (const { path } of fields.slice(1)) found.add(patternOf(path));
    }
    expect([...found].sort()).toEqual([...new Set(reader.paths(schema))].sort());
  });

  it('tells of every key what the schema says of it', () => {
    const text = JSON.stringify(reader.sample(schema));
    for (const each of allFields(formOf({ kind, text, root: parseText(text).root }, noNames)).slice(1)) {
      if (each.entryOf !== null) continue;
      expect(each.help.short.length, each.id).toBeGreaterThan(5);
      expect(each.label, each.id).toMatch(/^[A-Z][a-z ]+$/);
    }
  });

  it('is there for an empty file, too, with the top of the schema in it', () => {
    const fields = formOf({ kind, text: '{}', root: parseText('{}').root }, noNames).fields;
    const required = schema['required'] as readonly string[];
    expect(fields.slice(0, required.length).map(({ key }) => key)).toEqual(required);
    expect(fields.map(({ key }) => key).sort()).toEqual(Object.keys(schema['properties'] as object).sort());
    expect(fields.at(-1)?.key).toBe('$schema');
  });
});

describe('a field', () => {
  it('shows value, default, unit and range', () => {
    expect(field(moduleText, 'failover.detection')).toMatchObject({
      kind: 'duration',
      label: 'Detection',
      isSet: true,
      text: '3s',
      fallback: '3s',
      isRemovable: true,
    });
    expect(field(moduleText, 'failover.restarts')).toMatchObject({
      kind: 'number',
      isSet: false,
      text: '',
      fallback: '3',
    });
    expect(field(moduleText, 'failover.restarts').help.short).toContain('Default: 3. Unit: restarts. From 0 to 100.');
    expect(field(moduleText, 'mirror.acknowledgeTimeout').label).toBe('Acknowledge timeout');
    expect(field(moduleText, 'failover.automatic')).toMatchObject({ kind: 'boolean', fallback: 'true' });
    expect(field(moduleText, 'mirror.directIo')).toMatchObject({
      kind: 'choice',
      choices: ['cache', 'disk'],
      variants: null,
    });
    expect(field(moduleText, 'resync.bandwidth').kind).toBe('rate');
    expect(field(moduleText, 'needs.memory').kind).toBe('size');
    expect(field(moduleText, 'name')).toMatchObject({ isRequired: true, isRemovable: false });
  });

  it('has entries of lists and maps, as long as there is room', () => {
    expect(field(moduleText, 'hosts')).toMatchObject({ kind: 'list', hasRoom: false, text: 'alpha, beta' });
    expect(field(moduleText, 'hosts').fields.map(({ label, text }) => [label, text])).toEqual([
      ['Hosts 1', 'alpha'],
      ['Hosts 2', 'beta'],
    ]);
    expect(field(clusterText, 'hosts')).toMatchObject({ kind: 'map', hasRoom: true });
    expect(field(clusterText, 'hosts.gamma.lan')).toMatchObject({ text: '10.77.0.3', entryOf: 'map' });
  });

  it('is of one kind of several', () => {
    expect(field(moduleText, 'server').variants).toEqual({ chosen: 'qemu', names: ['qemu', 'scripts'] });
    expect(field(moduleText, 'checks[0]').variants?.chosen).toBe('tcp');
    expect(field(moduleText, 'checks[0]').fields.map(({ key }) => key)).not.toContain('http');
    expect(field('{}', 'server').variants).toEqual({ chosen: null, names: ['qemu', 'scripts'] });
    expect(field(clusterText, 'arbiter').variants).toEqual({ chosen: 'witness', names: ['witness', 'etcd', 'none'] });
    expect(field(clusterText, 'arbiter.witness').variants?.chosen).toBe('one value');
    const without = clusterText.replace('{ "witness": "gamma" }', '"none"');
    expect(field(without, 'arbiter')).toMatchObject({ kind: 'constant', variants: { chosen: 'none' } });
  });

  it('is shown as it is written where the schema knows no such key, or allows no such value', () => {
    const text = '{ "hosts": "alpha", "failover": { "detektion": [1, 2] /* ? */ }, "priority": "high" }';
    expect(field(text, 'failover.detektion')).toMatchObject({ kind: 'unknown', text: '[1, 2]', isRemovable: true });
    expect(field(text, 'hosts')).toMatchObject({ kind: 'mismatch', text: '"alpha"', isRemovable: true });
    expect(field(text, 'priority')).toMatchObject({ kind: 'number', text: 'high' });
  });

  it('offers what the files beside it define, without what is named already', () => {
    const files = [
      { path: '/x/site.cluster.jsonc', text: clusterText },
      { path: '/x/modules/db.module.jsonc', text: '{ "name": "db" }' },
      { path: '/x/notes.txt', text: '{ "name": "no" }' },
    ];
    const names = namesIn(files);
    const source = { kind: 'module', text: moduleText, root: parseText(moduleText).root } as const;
    expect(field(moduleText, 'hosts[0]', namesFor(source, names)).suggestions).toEqual(['alpha', 'gamma']);
    const dependent = moduleText.replace('"checks"', '"dependsOn": [""],\n  "checks"');
    expect(field(dependent, 'dependsOn[0]', names).suggestions).toEqual(['db']);
    const own = { kind: 'cluster', text: clusterText, root: parseText(clusterText).root } as const;
    expect(field(clusterText, 'hosts.gamma', namesFor(own, noNames)).suggestions).toEqual(['link']);
    expect(field(clusterText, 'arbiter.witness', namesFor(own, noNames)).suggestions).toEqual([
      'alpha',
      'beta',
      'gamma',
    ]);
    expect(field(moduleText, 'failover.detection').suggestions).toContain('500ms');
  });

  it('is not there a thousand times', () => {
    const text = JSON.stringify({ dependsOn: Array.from({ length: 1000 }, (_, index) => `m${index}`) });
    expect(field(text, 'dependsOn')).toMatchObject({ hidden: 800 });
    expect(field(text, 'dependsOn').fields).toHaveLength(200);
  });
});

describe('a problem', () => {
  const placed = (text: string): readonly string[] => {
    const { diagnostics } = parseDocument(kindOf(text), text, 'a');
    const told = diagnostics.map((each) => ({ ...each, message: messageWithHint(each) }));
    return placedProblems(form(text), told).map(({ field: id, message }) => `${id}: ${message}`);
  };

  it('stands at its field, also when that is not set', () => {
    const text = moduleText.replace('"detection": "3s"', '"detection": "soon"').replace('"name": "web",', '');
    const problems = placed(text);
    expect(problems).toHaveLength(2);
    expect(problems[0]).toMatch(/^name: the key "name" is missing/);
    expect(problems[1]).toMatch(/^failover\.detection: expected a duration/);
  });

  it('stands at an unknown key with what was meant', () => {
    expect(placed(moduleText.replace('"detection"', '"detektion"'))).toEqual([
      expect.stringMatching(/^failover\.detektion: .*did you mean "detection"\?$/),
    ]);
  });

  it('about no field stands at the top, and is told once', () => {
    const about = { severity: 'error', message: 'no', line: 1, column: 1 } as const;
    expect(
      placedProblems(form(moduleText), [
        { ...about, path: '' },
        { ...about, path: '' },
      ]),
    ).toEqual([{ ...about, field: null }]);
    const deeper = { ...about, path: 'failover.detection.x' };
    expect(placedProblems(form(moduleText), [deeper])).toEqual([{ ...about, field: 'failover.detection' }]);
  });
});
