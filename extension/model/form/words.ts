import type { FormHelp } from '../../../schemas/form.ts';
import { isSchema, resolveSchema } from '../../../schemas/schemaNodes.ts';
import type { SchemaJson } from '../../../schemas/schemaNodes.ts';
import { rangesOf } from '../../../schemas/schemaWords.ts';

/** A key in words: `acknowledgeTimeout` → `Acknowledge timeout`. */
export function labelOf(key: string): string {
  const words = key
    .replace(/^\$/, '')
    .replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .trim();
  return words === '' ? key : `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

/** A scalar as somebody types it into a field: texts without quotes. */
export function typedText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What is told of a field. @param since the version that brought it; null: not known */
export function helpOf(schema: SchemaJson, since: string | null, root: SchemaJson): FormHelp {
  const description = typeof schema['description'] === 'string' ? schema['description'] : '';
  const [first = '', ...further] = description.split(/(?<=\.) /);
  const short = [
    ...(typeof schema['deprecated'] === 'string' ? [`Deprecated ${schema['deprecated']}.`] : []),
    first,
    ...('default' in schema ? [`Default: ${defaultText(schema['default'])}.`] : []),
    ...(typeof schema['unit'] === 'string' ? [`Unit: ${schema['unit']}.`] : []),
    // How many keys such an object has is told by its description.
    ...(Array.isArray(schema['exactlyOneOf']) ? [] : rangesOf(schema)),
    ...expectedIn(schema, root),
  ];
  const examples = Array.isArray(schema['examples']) ? (schema['examples'] as unknown[]) : [];
  const more = [
    ...further,
    ...(examples.length === 0
      ? []
      : [`${examples.length === 1 ? 'Example' : 'Examples'}: ${examples.map(spaced).join(', ')}.`]),
    ...(since === null ? [] : [`Since ${since}.`]),
  ];
  return { short: joined(short), more: joined(more) };
}

function joined(sentences: readonly string[]): string {
  return sentences.filter((sentence) => sentence !== '').join(' ');
}

function expectedIn(schema: SchemaJson, root: SchemaJson): string[] {
  if (typeof schema['patternHint'] === 'string') return [`Expected: ${schema['patternHint']}.`];
  const { items } = schema;
  const hint = isSchema(items) ? resolveSchema(items, root)['patternHint'] : undefined;
  return typeof hint === 'string' ? [`Each: ${hint}.`] : [];
}

function defaultText(value: unknown): string {
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return isEmpty ? 'none' : typedText(value);
}

/** JSON on one line, as people write it. */
function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${(value as unknown[]).map(spaced).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${spaced(each)}`);
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}
