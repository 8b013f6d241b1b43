/** What is told of a key, in the words of its schema: for hovers and completions. */
import type { MarkupContent } from 'vscode-languageserver';
import type { SchemaPlace } from '../../../schemas/schemaAt.ts';
import { branchesOf, isSchema, valuesOf } from '../../../schemas/schemaNodes.ts';
import type { SchemaJson } from '../../../schemas/schemaNodes.ts';
import { rangesOf } from '../../../schemas/schemaWords.ts';

/** Meaning, default, unit, range, choices, version and an example, as Markdown; null when the schema says nothing. */
export function documentationOf({ schema, root, since }: SchemaPlace): string | null {
  const description = typeof schema['description'] === 'string' ? schema['description'] : null;
  const facts = [
    ...(typeof schema['deprecated'] === 'string' ? [`**Deprecated** ${schema['deprecated']}.`] : []),
    ...('default' in schema ? [`Default: ${code(schema['default'])}.`] : []),
    ...(typeof schema['unit'] === 'string' ? [`Unit: ${schema['unit']}.`] : []),
    ...rangesOf(schema),
    ...choicesOf(schema, root),
    ...(since === null ? [] : [`Since ${since}.`]),
  ];
  const examples = Array.isArray(schema['examples']) ? (schema['examples'] as unknown[]) : [];
  const example =
    examples.length === 0
      ? []
      : [`${examples.length === 1 ? 'Example' : 'Examples'}: ${examples.map(code).join(', ')}`];
  if (description === null && facts.length === 0) return null;
  return [...(description === null ? [] : [escaped(description)]), facts.join(' '), ...example]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** The Markdown as it is, or without its marks for a client that shows plain text only. */
export function markup(text: string, plain: boolean): MarkupContent {
  return plain
    ? { kind: 'plaintext', value: text.replace(/\*\*|`/g, '').replace(/\\([\\_*[\]<>#|~])/g, '$1') }
    : { kind: 'markdown', value: text };
}

/** What kind of value is expected, in one or two words. */
export function typeText(schema: SchemaJson, root: SchemaJson): string {
  const kinds = branchesOf(schema, root).map((branch) => {
    if (typeof branch['unit'] === 'string' && branch['type'] === 'string') return branch['unit'];
    if (valuesOf(branch).length > 0) {
      return valuesOf(branch)
        .map((value) => JSON.stringify(value))
        .join(' | ');
    }
    const { type } = branch;
    const types = (Array.isArray(type) ? (type as unknown[]) : [type]).filter((each) => typeof each === 'string');
    return types.map((each) => names[each] ?? each).join(' or ');
  });
  return kinds.filter((kind) => kind !== '').join(' or ');
}

const names: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  array: 'list',
  object: 'section',
};

function choicesOf(schema: SchemaJson, root: SchemaJson): string[] {
  const values = branchesOf(schema, root).flatMap(valuesOf);
  if (values.length > 1) return [`One of ${values.map(code).join(', ')}.`];
  const hint = schema['patternHint'];
  if (typeof hint === 'string') return [`Expected: ${escaped(hint)}.`];
  const items = schema['items'];
  return isSchema(items) && typeof items['patternHint'] === 'string' ? [`Each: ${escaped(items['patternHint'])}.`] : [];
}

/** A value between back quotes, which it must not have itself. */
export function code(value: unknown): string {
  const text =
    typeof value === 'string' ? JSON.stringify(value) : JSON.stringify(value).replace(/([,:])(?=\S)/g, '$1 ');
  const fence = text.includes('`') ? '``' : '`';
  return `${fence}${fence === '``' ? ` ${text} ` : text}${fence}`;
}

/** Text of somebody else, such as of a file, that must not be taken for Markdown; what stands between back quotes is left alone. */
export function escaped(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part, index) => (index % 2 === 1 ? part : part.replace(/[\\_*[\]<>#|~]/g, '\\$&')))
    .join('');
}
