// Generates TypeScript types and self-contained ajv validators from schemas/source/*.schema.json into schemas/generated/.
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Ajv from 'ajv';
import standaloneCode from 'ajv/dist/standalone/index.js';
import { build } from 'esbuild';
import { compile } from 'json-schema-to-typescript';

const root = import.meta.dirname;
const source = join(root, 'source');
const out = join(root, 'generated');
await mkdir(out, { recursive: true });

/** Writes only what changed: watchers stay quiet, and a build beside this one never reads half a file. */
async function writeGenerated(name, text) {
  const path = join(out, name);
  if ((await readFile(path, 'utf8').catch(() => null)) === text) return;
  const partial = `${path}.${process.pid}.partial`;
  await writeFile(partial, text);
  await rename(partial, path);
}

const schemas = new Map();
for (const file of (await readdir(source)).filter((name) => name.endsWith('.schema.json')).sort()) {
  schemas.set(file.replace('.schema.json', ''), JSON.parse(await readFile(join(source, file), 'utf8')));
}

// Our annotations: `unit` names the unit of a value, `patternHint` says in words what a pattern wants, `since` is the version that
// brought a key; `exactlyOneOf` names keys of which there has to be one, such as the kinds of a check: the checks behind the schema tell
// of it in better words than it could. `deprecated`, which ajv knows already, says since when and what to use instead.
const ajv = new Ajv.default({
  allErrors: true,
  verbose: true,
  strict: true,
  strictTypes: false,
  strictTuples: false,
  allowUnionTypes: true,
  keywords: ['unit', 'patternHint', 'since', 'exactlyOneOf'],
  code: { source: true, esm: true },
});
const exportsOf = {};
for (const [name, schema] of schemas) {
  ajv.addSchema(schema);
  if (name === 'api' || name === 'link') {
    // Every message is a definition of its own; the agent and its clients validate each one.
    for (const definition of Object.keys(schema.definitions))
      exportsOf[definition] = `${schema.$id}#/definitions/${definition}`;
  } else {
    exportsOf[schema.title] = schema.$id;
  }
}
const code = standaloneCode.default(ajv, exportsOf);
// ajv's standalone output still requires small run-time helpers; bundling makes the file depend on nothing.
const bundled = await build({
  stdin: { contents: code, resolveDir: root, loader: 'js' },
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  write: false,
  target: 'es2022',
});
await writeGenerated('validators.js', bundled.outputFiles[0].text);
const names = Object.keys(exportsOf).sort();
await writeGenerated(
  'validators.d.ts',
  [
    'export interface SchemaError {',
    '  instancePath: string;',
    '  schemaPath: string;',
    '  keyword: string;',
    '  params: Record<string, unknown>;',
    '  message?: string;',
    '  /** Set when the name of a property is what is wrong. */',
    '  propertyName?: string;',
    '  schema?: unknown;',
    '  parentSchema?: Record<string, unknown>;',
    '  data?: unknown;',
    '}',
    'export interface Validator { (data: unknown): boolean; errors?: SchemaError[] | null }',
    ...names.map((name) => `export const ${name}: Validator;`),
    '',
  ].join('\n'),
);
const options = {
  bannerComment: '/* Generated from schemas/source; do not edit. */',
  additionalProperties: false,
  style: { singleQuote: true, printWidth: 120 },
  unreachableDefinitions: true,
  // Pairs stay tuples; longer bounded lists become plain arrays instead of unions of every length.
  maxItems: 2,
};
for (const [name, schema] of schemas) {
  // json-schema-to-typescript names types by title; `definitions` of the API carry theirs as key.
  const titled = structuredClone(schema);
  if (name === 'api' || name === 'link')
    for (const [key, definition] of Object.entries(titled.definitions)) definition.title = key;
  await writeGenerated(`${name}.ts`, await compile(titled, titled.title, options));
}
// The schemas themselves, for completion and hover in the editor.
await writeGenerated(
  'schemas.ts',
  '/* Generated from schemas/source; do not edit. */\n' +
    [...schemas]
      .map(([name, schema]) => `export const ${name}Schema = ${JSON.stringify(schema)} as const;`)
      .join('\n') +
    '\n',
);
