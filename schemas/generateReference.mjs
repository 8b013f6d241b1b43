// Writes docs/reference/*.md from schemas/source/*.schema.json: every key with its meaning, type, default, range and examples.
//   node schemas/generateReference.mjs           writes what has changed
//   node schemas/generateReference.mjs --check   writes nothing; tells what differs, with exit code 1
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

const root = join(import.meta.dirname, '..');
const folder = 'docs/reference';

const pages = {
  module: {
    title: 'Module file',
    about:
      'One file for each module, `NAME.module.jsonc`, in the folder of the cluster file or in `modules/` below it. JSON with comments and trailing commas.',
  },
  cluster: {
    title: 'Cluster file',
    about: 'One file for each cluster, `NAME.cluster.jsonc`. JSON with comments and trailing commas.',
  },
  agent: {
    title: 'Agent file',
    about:
      "`agent.jsonc`, each host's own, beside the cluster file. It is read when the agent starts. JSON with comments and trailing commas.",
  },
};

/** What stands for the names that people choose, by the path of the map that holds them. */
const placeholders = {
  networks: 'NETWORK',
  hosts: 'HOST',
  'hosts.HOST': 'NETWORK',
  capacity: 'HOST',
  'fence.hosts': 'HOST',
};

/** What stands for a placeholder in examples. */
const namesInExamples = { HOST: 'alpha', NETWORK: 'lan' };

/** A node of the schema with what it refers to: what it says itself counts more. */
function resolve(node, definitions) {
  const { $ref, allOf = [], ...own } = node;
  const parts = [...($ref === undefined ? [] : [definitions[$ref.replace('#/definitions/', '')]]), ...allOf];
  return Object.assign({}, ...parts.map((part) => resolve(part, definitions)), own);
}

/** Every key below an object, depth first, in the order of the schema. */
function* keysBelow(schema, prefix, definitions) {
  const { properties = {}, required = [], additionalProperties, oneOf = [], items } = schema;
  for (const [key, node] of Object.entries(properties)) {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    const found = { path, key, node: resolve(node, definitions), isRequired: required.includes(key) };
    yield found;
    yield* keysBelow(found.node, path, definitions);
  }
  if (typeof additionalProperties === 'object') {
    const key = placeholders[prefix] ?? 'OPTION';
    const path = `${prefix}.${key}`;
    const node = resolve(additionalProperties, definitions);
    yield { path, key, node, isRequired: false, isName: true };
    yield* keysBelow(node, path, definitions);
  }
  if (typeof items === 'object') yield* keysBelow(resolve(items, definitions), `${prefix}[]`, definitions);
  for (const branch of oneOf) yield* keysBelow(resolve(branch, definitions), prefix, definitions);
}

function typeOf(node, definitions) {
  const { type, const: constant, enum: choices, oneOf, items, properties, additionalProperties } = node;
  if (oneOf !== undefined)
    return oneOf.map((branch) => typeOf(resolve(branch, definitions), definitions)).join(', or ');
  if (constant !== undefined) return code(constant);
  if (choices !== undefined) return `one of ${choices.map(code).join(', ')}`;
  if (Array.isArray(type)) return type.map((each) => typeOf({ ...node, type: each }, definitions)).join(', or ');
  switch (type) {
    case 'array':
      return items === undefined ? 'list' : `list, each entry: ${typeOf(resolve(items, definitions), definitions)}`;
    case 'object':
      if (properties === undefined && typeof additionalProperties === 'object') {
        return `object, for each name: ${typeOf(resolve(additionalProperties, definitions), definitions)}`;
      }
      return 'object with the keys below';
    case 'integer':
      return 'whole number';
    case 'boolean':
      return '`true` or `false`';
    case 'string':
      return 'text';
    default:
      return type;
  }
}

/** The bounds of a value, in words; null: none are told. */
function rangeOf({ minimum, maximum, exclusiveMinimum, minItems, maxItems, minProperties, maxProperties, maxLength }) {
  if (exclusiveMinimum !== undefined) return `more than ${exclusiveMinimum}, at most ${maximum}`;
  if (minimum !== undefined) return `${minimum} to ${maximum}`;
  const [least, most, what] =
    minItems !== undefined || maxItems !== undefined
      ? [minItems, maxItems, 'entries']
      : minProperties !== undefined || maxProperties !== undefined
        ? [minProperties, maxProperties, 'keys']
        : [undefined, maxLength, 'characters'];
  if (least === undefined && most === undefined) return null;
  if (least === most) return `exactly ${least} ${most === 1 ? what.replace('ies', 'y').replace('keys', 'key') : what}`;
  if (most === undefined)
    return `at least ${least} ${least === 1 ? what.replace('ies', 'y').replace('keys', 'key') : what}`;
  return least === undefined || least === 0 ? `at most ${most} ${what}` : `${least} to ${most} ${what}`;
}

/** The bounds of a duration, which are milliseconds in the schema, in words; null: none are told. */
function durationRangeOf({ minimum = 0, maximum }) {
  if (maximum === undefined) return null;
  if (minimum === 0) return `at most ${duration(maximum)}`;
  return minimum === 1
    ? `longer than zero, up to ${duration(maximum)}`
    : `${duration(minimum)} to ${duration(maximum)}`;
}

/** Milliseconds in the largest unit of which they are a whole number. */
function duration(milliseconds) {
  const units = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  const [unit, factor] = Object.entries(units).find(([, each]) => milliseconds % each === 0);
  return code(`${milliseconds / factor}${unit}`);
}

function code(value) {
  return `\`${json(value)}\``;
}

/** On one line, with spaces where people put them. */
function json(value) {
  if (Array.isArray(value)) return `[${value.map(json).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, child]) => `${JSON.stringify(key)}: ${json(child)}`);
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}

/** Plain text for Markdown; what stands between backticks is code already. */
function prose(text) {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? part : part.replaceAll(/[\\*_[\]<>|]/g, '\\$&')))
    .join('');
}

/** As GitHub makes it of a heading. */
function anchor(path) {
  return path
    .toLowerCase()
    .replaceAll(/[^a-z0-9$_-]/g, '')
    .replaceAll('$', '');
}

function factsOf({ node, isRequired, isName }, definitions) {
  const range = node.unit === 'duration' ? durationRangeOf(node) : rangeOf(node);
  const hint = node.patternHint ?? resolve(node.items ?? {}, definitions).patternHint;
  return [
    `Type: ${typeOf(node, definitions)}`,
    ...(hint === undefined ? [] : [`Form: ${prose(hint)}`]),
    ...(node.unit === undefined ? [] : [`Unit: ${prose(node.unit)}`]),
    ...(range === null ? [] : [`Range: ${range}`]),
    ...(node.default === undefined
      ? [isRequired ? 'Required' : isName ? 'As many as you need' : 'May be left out']
      : [`Default: ${code(node.default)}`]),
    ...(node.since === undefined ? [] : [`Since: ${prose(node.since)}`]),
    ...(typeof node.deprecated === 'string' ? [`Deprecated ${prose(node.deprecated)}`] : []),
  ];
}

function sectionOf(found, definitions) {
  const { path, key, node, isName } = found;
  const shownKey = isName ? (namesInExamples[key] ?? (path.includes('secretFiles') ? 'password' : 'ip')) : key;
  return [
    `${path.includes('.') ? '###' : '##'} \`${path}\``,
    prose(node.description ?? ''),
    factsOf(found, definitions)
      .map((fact) => `- ${fact}`)
      .join('\n'),
    ...(node.examples === undefined
      ? []
      : [
          '```jsonc\n' +
            node.examples.map((example) => `${JSON.stringify(shownKey)}: ${json(example)}`).join('\n') +
            '\n```',
        ]),
  ].join('\n\n');
}

async function pageOf(name) {
  const schema = JSON.parse(await readFile(join(root, 'schemas/source', `${name}.schema.json`), 'utf8'));
  const { title, about } = pages[name];
  const definitions = schema.definitions ?? {};
  const keys = [...keysBelow(schema, '', definitions)].filter(({ key }) => key !== '$schema');
  const rows = keys.map(({ path, node, isRequired }) => {
    const value = node.default === undefined ? (isRequired ? 'required' : '') : code(node.default);
    return `| [\`${path}\`](#${anchor(path)}) | ${value} |`;
  });
  const text = [
    '<!-- Generated from schemas/source by schemas/generateReference.mjs; do not edit. -->',
    `# ${title}`,
    prose(schema.description),
    about,
    `\`"$schema": ${JSON.stringify(schema.$id)}\` may stand at the top for other editors; it has no effect.`,
    '## All keys',
    ['| key | default |', '| --- | --- |', ...rows].join('\n'),
    ...keys.map((found) => sectionOf(found, definitions)),
  ].join('\n\n');
  const file = join(folder, `${name}.md`);
  const options = await resolveConfig(join(root, file));
  return { file, text: await format(text, { ...options, parser: 'markdown' }) };
}

const isCheck = process.argv.includes('--check');
const stale = [];
for (const name of Object.keys(pages)) {
  const { file, text } = await pageOf(name);
  const present = await readFile(join(root, file), 'utf8').catch(() => null);
  if (present === text) continue;
  stale.push(file);
  if (isCheck) continue;
  await mkdir(join(root, folder), { recursive: true });
  await writeFile(join(root, file), text);
}
if (isCheck && stale.length > 0) {
  console.error(`${stale.join(', ')} differ from the schemas: node schemas/generateReference.mjs writes them anew.`);
  process.exitCode = 1;
} else if (stale.length > 0) console.log(`Written: ${stale.join(', ')}`);
