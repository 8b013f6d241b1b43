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
const keywords = ['unit', 'patternHint', 'since', 'exactlyOneOf'];

/**
 * Writes one module of validators.
 * @param exportsOf the address of the schema that each of them checks, by its name
 */
async function writeValidators(name, schemasOfModule, exportsOf, options) {
  const ajv = new Ajv.default({
    strict: true,
    strictTypes: false,
    strictTuples: false,
    allowUnionTypes: true,
    keywords,
    code: { source: true, esm: true },
    ...options,
  });
  for (const schema of schemasOfModule) ajv.addSchema(schema);
  // ajv's standalone output still requires small run-time helpers; bundling makes the file depend on nothing.
  const bundled = await build({
    stdin: { contents: standaloneCode.default(ajv, exportsOf), resolveDir: root, loader: 'js' },
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    write: false,
    target: 'es2022',
  });
  await writeGenerated(`${name}.js`, bundled.outputFiles[0].text);
  const declarations = Object.keys(exportsOf)
    .sort()
    .map((each) => `export const ${each}: Validator;\n`);
  await writeGenerated(`${name}.d.ts`, `import type { Validator } from '../validator.ts';\n${declarations.join('')}`);
}

/** The definitions of a schema, each behind those that it refers to: ajv would make another validator of one that it came by before. */
function inOrder({ definitions }) {
  const ordered = new Set();
  const visiting = new Set();
  const visit = (name) => {
    if (visiting.has(name)) return;
    visiting.add(name);
    for (const [, other] of JSON.stringify(definitions[name]).matchAll(/"#\/definitions\/(\w+)"/g)) visit(other);
    ordered.add(name);
  };
  Object.keys(definitions).forEach(visit);
  return [...ordered];
}

// Of a file everything that is wrong is told, in words that its schema gives. A definition stands in the place of each reference to it:
// calls would copy all errors so far with each item of a list that has one.
const files = ['agent', 'cluster', 'module'].map((name) => schemas.get(name));
const titles = Object.fromEntries(files.map(({ title, $id }) => [title, $id]));
await writeValidators('fileValidators', files, titles, { allErrors: true, verbose: true });
// Every message is a definition of its own; the agent and its clients validate each one, and tell the first thing that is wrong. Each
// definition is a function that is called: copies in their places would be most of the program.
for (const name of ['api', 'link']) {
  const schema = schemas.get(name);
  const definitions = inOrder(schema).map((definition) => [definition, `${schema.$id}#/definitions/${definition}`]);
  await writeValidators(`${name}Validators`, [schema], Object.fromEntries(definitions), { inlineRefs: false });
}
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
