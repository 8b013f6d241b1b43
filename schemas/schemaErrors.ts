import type { SchemaError } from './validator.ts';
import type { Problem } from './diagnostic.ts';
import type { PathSegment } from './jsonText.ts';
import { formatPath } from './jsonText.ts';
import { nearest } from './nearest.ts';
import { writtenQuantity } from './unitWords.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Turns the validator's errors into problems in plain words, one per mistake. */
export function explainSchemaErrors(errors: readonly SchemaError[], root: unknown): readonly Problem[] {
  const unions = errors.filter((error) => error.keyword === 'oneOf');
  const problems: Problem[] = [];
  for (const error of errors) {
    // The name of a property is told about by the `propertyNames` error that follows; branches of a union by the union.
    if (error.propertyName !== undefined && error.keyword !== 'propertyNames') continue;
    const union = unions.find(
      (candidate) => candidate !== error && isAtOrBelow(error.instancePath, candidate.instancePath),
    );
    if (union !== undefined && !isOfMatchingBranch(error, union)) continue;
    if (error.keyword === 'oneOf' && isObject(error.data)) continue;
    problems.push(...explain(error, root));
  }
  return withoutConsequences(unique(problems));
}

/** An object can only be meant as the union's object branch: its errors are told, those of the other branches are not. */
function isOfMatchingBranch(error: SchemaError, union: SchemaError): boolean {
  if (!isObject(union.data)) return false;
  return error.instancePath !== union.instancePath || (error.keyword !== 'const' && error.keyword !== 'type');
}

function isAtOrBelow(path: string, parent: string): boolean {
  return path === parent || path.startsWith(`${parent}/`);
}

function unique(problems: readonly Problem[]): readonly Problem[] {
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const key = `${problem.code} ${formatPath(problem.path)} ${problem.message}`;
    return seen.has(key) ? false : (seen.add(key), true);
  });
}

/** One mistyped key is one mistake: not also a missing one, and not also a wrong number of kinds. */
function withoutConsequences(problems: readonly Problem[]): readonly Problem[] {
  const unknownIn = new Map<string, Problem[]>();
  for (const problem of problems) {
    if (problem.code !== 'unknown-key') continue;
    const section = formatPath(problem.path.slice(0, -1));
    const siblings = unknownIn.get(section);
    if (siblings === undefined) unknownIn.set(section, [problem]);
    else siblings.push(problem);
  }
  return problems.filter((problem) => {
    if (problem.code !== 'missing-key' && problem.code !== 'server-kind') return true;
    const section = formatPath(problem.code === 'missing-key' ? problem.path.slice(0, -1) : problem.path);
    const siblings = unknownIn.get(section) ?? [];
    if (problem.code === 'missing-key') return !siblings.some((other) => other.suggestion === problem.path.at(-1));
    return siblings.length === 0;
  });
}

function explain(error: SchemaError, root: unknown): readonly Problem[] {
  const path = pathOf(error.instancePath, root);
  const schema: Schema = error.parentSchema ?? {};
  const params = error.params;
  switch (error.keyword) {
    case 'additionalProperties':
      return [unknownKey(path, String(params['additionalProperty']), schema, error.data)];
    case 'required': {
      const name = String(params['missingProperty']);
      const description = descriptionOf(schema, name);
      return [
        {
          code: 'missing-key',
          path: [...path, name],
          message: `the key "${name}" is missing${description}`,
          expected: `the key "${name}"`,
        },
      ];
    }
    case 'propertyNames': {
      const name = String(params['propertyName']);
      const names = isObject(schema['propertyNames']) ? schema['propertyNames'] : {};
      const expected = hintOf(names) ?? 'another name';
      return [
        {
          code: 'bad-value',
          path: [...path, name],
          at: 'key',
          message: `the name "${name}" is not allowed: expected ${expected}`,
          expected,
        },
      ];
    }
    case 'minProperties':
    case 'maxProperties':
      return [wrongPropertyCount(path, error, schema)];
    case 'minItems':
    case 'maxItems':
      return [wrongItemCount(path, error, schema)];
    case 'uniqueItems': {
      const later = Math.max(Number(params['i']), Number(params['j']));
      const item = Array.isArray(error.data) ? (error.data as unknown[])[later] : undefined;
      const expected = path.at(-1) === 'hosts' ? 'two different hosts' : 'each entry once';
      return [
        {
          code: 'duplicate-item',
          path: [...path, later],
          message: `${describe(item)} stands twice in the list: expected ${expected}`,
          expected,
        },
      ];
    }
    default: {
      const expected = expectation(schema);
      const code = error.keyword === 'type' ? 'wrong-type' : 'bad-value';
      const suggestion = valueSuggestion(error.data, schema);
      return [{ code, path, message: `expected ${expected}, found ${describe(error.data)}`, expected, suggestion }];
    }
  }
}

function unknownKey(path: readonly PathSegment[], name: string, schema: Schema, data: unknown): Problem {
  const known = isObject(schema['properties'])
    ? Object.keys(schema['properties']).filter((key) => key !== '$schema')
    : [];
  const expected = known.length === 0 ? 'no key' : `one of ${known.join(', ')}`;
  const message = `the key "${name}" is unknown here: expected ${expected}`;
  // One that is there already cannot have been meant: it would be there twice.
  const free = known.filter((key) => !isObject(data) || !Object.hasOwn(data, key));
  return { code: 'unknown-key', path: [...path, name], at: 'key', message, expected, suggestion: nearest(name, free) };
}

function wrongPropertyCount(path: readonly PathSegment[], error: SchemaError, schema: Schema): Problem {
  const found = isObject(error.data) ? Object.keys(error.data) : [];
  const kinds = isObject(schema['properties']) ? Object.keys(schema['properties']) : [];
  if (kinds.length > 0 && schema['minProperties'] === schema['maxProperties']) {
    const expected = `exactly one of ${kinds.join(', ')}`;
    const told = found.length === 0 ? 'none' : found.join(' and ');
    return { code: 'server-kind', path, message: `expected ${expected}, found ${told}`, expected };
  }
  return wrongCount(path, error, schema, found.length, 'Properties');
}

function wrongItemCount(path: readonly PathSegment[], error: SchemaError, schema: Schema): Problem {
  return wrongCount(path, error, schema, Array.isArray(error.data) ? error.data.length : 0, 'Items');
}

function wrongCount(
  path: readonly PathSegment[],
  error: SchemaError,
  schema: Schema,
  found: number,
  what: 'Items' | 'Properties',
): Problem {
  const min = schema[`min${what}`];
  const max = schema[`max${what}`];
  const limit = Number(error.params['limit']);
  const range = min === max ? `exactly ${limit}` : `at ${error.keyword.startsWith('min') ? 'least' : 'most'} ${limit}`;
  const last = path.at(-1);
  const entries = limit === 1 ? 'entry' : 'entries';
  const expected = `${range} ${entries}${typeof last === 'string' ? ` in "${last}"` : ''}`;
  return { code: 'wrong-count', path, message: `expected ${expected}, found ${found}`, expected };
}

/** What a schema wants, in words. */
function expectation(schema: Schema): string {
  const hint = hintOf(schema);
  if (hint !== null) return hint;
  if (Array.isArray(schema['enum'])) return `one of ${schema['enum'].map((value) => JSON.stringify(value)).join(', ')}`;
  if ('const' in schema) return JSON.stringify(schema['const']);
  if (Array.isArray(schema['oneOf'])) return unionExpectation(schema);
  const unit = typeof schema['unit'] === 'string' ? ` (${schema['unit']})` : '';
  switch (schema['type']) {
    case 'integer':
    case 'number':
      return `${schema['type'] === 'integer' ? 'a whole number' : 'a number'}${rangeText(schema)}${unit}`;
    case 'string':
      if (typeof schema['maxLength'] === 'number') {
        return `a text of ${numberOf(schema['minLength']) ?? 0} to ${schema['maxLength']} characters`;
      }
      return typeof schema['minLength'] === 'number' ? 'a text that is not empty' : 'a text in double quotes';
    case 'boolean':
      return 'true or false';
    case 'array':
      return `a list […]${exampleOf(schema)}`;
    case 'object':
      return `an object {…}${exampleOf(schema)}`;
    default:
      return 'another value';
  }
}

/** The bounds of a number, behind what kind it is. */
function rangeText(schema: Schema): string {
  const [minimum, above] = [numberOf(schema['minimum']), numberOf(schema['exclusiveMinimum'])];
  const maximum = numberOf(schema['maximum']);
  if (minimum !== null && maximum !== null) return ` from ${minimum} to ${maximum}`;
  const lower = above !== null ? ` above ${above}` : minimum !== null ? ` of at least ${minimum}` : '';
  if (maximum === null) return lower;
  return lower === '' ? ` of at most ${maximum}` : `${lower}, at most ${maximum}`;
}

function unionExpectation(schema: Schema): string {
  const examples = Array.isArray(schema['examples']) ? (schema['examples'] as unknown[]) : [];
  return examples.map((example) => JSON.stringify(example)).join(' or ');
}

function exampleOf(schema: Schema): string {
  const examples = Array.isArray(schema['examples']) ? (schema['examples'] as unknown[]) : [];
  return examples.length === 0 ? '' : ` such as ${JSON.stringify(examples[0])}`;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

function hintOf(schema: Schema): string | null {
  return typeof schema['patternHint'] === 'string' ? schema['patternHint'] : null;
}

/** What the key would say, when the schema describes it: it helps to know what one has forgotten. */
function descriptionOf(schema: Schema, name: string): string {
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const description = isObject(properties[name]) ? properties[name]['description'] : undefined;
  if (typeof description !== 'string') return '';
  return `: ${description.split(/(?<=\.) /)[0]?.replace(/\.$/, '') ?? ''}`;
}

function valueSuggestion(value: unknown, schema: Schema): string | null {
  const choices = Array.isArray(schema['oneOf'])
    ? (schema['oneOf'] as unknown[]).map((branch) => (isObject(branch) ? branch['const'] : undefined))
    : schema['enum'];
  const known = Array.isArray(choices) ? choices.filter((choice) => typeof choice === 'string') : [];
  if (typeof value === 'string' && known.length > 0) return nearest(value, known);
  return quantitySuggestion(value, schema);
}

/** "512 mb" is a quantity in all but spelling: the pattern itself tells whether the respelled one is right. */
function quantitySuggestion(value: unknown, schema: Schema): string | null {
  if (typeof schema['pattern'] !== 'string' || typeof value !== 'string') return null;
  const written = writtenQuantity(value, schema['unit']);
  // A part of a unit has to become another one.
  if (written === null || written.amount.includes('.')) return null;
  const respelled = `${Number(written.amount)}${written.unit}${written.suffix}`;
  return respelled !== value && new RegExp(schema['pattern']).test(respelled) ? respelled : null;
}

/** A found value in words, never longer than a line. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (isObject(value)) return Object.keys(value).length === 0 ? 'an empty object' : 'an object';
  if (value === '') return 'an empty text';
  const text = JSON.stringify(value);
  const short = text.length > 60 ? `${text.slice(0, 56)}…"` : text;
  return typeof value === 'number' ? `the number ${short}` : short;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON pointer to path; indexes become numbers where the value is a list. */
function pathOf(pointer: string, root: unknown): readonly PathSegment[] {
  const path: PathSegment[] = [];
  let value = root;
  for (const raw of pointer.split('/').slice(1)) {
    const segment = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(value)) {
      path.push(Number(segment));
      value = (value as unknown[])[Number(segment)];
    } else {
      path.push(segment);
      value = isObject(value) ? value[segment] : undefined;
    }
  }
  return path;
}
