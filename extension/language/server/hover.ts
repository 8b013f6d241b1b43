import type { Hover } from 'vscode-languageserver';
import { parseDuration, parseRate, parseSize } from '../../../schemas/units.ts';
import { documentationOf, markup } from './documentation.ts';
import { nameAt } from '../../../schemas/names.ts';
import { placeAt } from '../../../schemas/jsonPlaces.ts';
import type { Place } from '../../../schemas/jsonPlaces.ts';
import { rangeOfNode } from './model/positions.ts';
import { schemaAt } from '../../../schemas/schemaAt.ts';
import type { SchemaPlace } from '../../../schemas/schemaAt.ts';
import type { SourceFile } from './model/sourceFile.ts';
import { definitionsIn, summaryOf } from './summaries.ts';

/** What the key or value at an offset means: what the schema says, and what is named. Null: nothing stands there. */
export function hoverAt(
  { document }: SourceFile,
  group: readonly SourceFile[],
  offset: number,
  isPlain: boolean,
): Hover | null {
  const { root, kind } = document;
  const place = root === null ? null : placeAt(root, offset);
  if (place === null || place.isGap) return null;
  const named = summaryAt(place, kind, group);
  const schema = schemaAt(document, place.path);
  const told = schema === null ? null : documentationOf(schema);
  const quantity = schema === null || place.part === 'key' ? null : quantityText(place.node.value, schema);
  const parts = [named, quantity, told].filter((part) => part !== null);
  if (parts.length === 0) return null;
  return { contents: markup(parts.join('\n\n'), isPlain), range: rangeOfNode(document, place.node) };
}

function summaryAt(
  { path, part, node }: Place,
  kind: 'module' | 'cluster' | 'agent',
  group: readonly SourceFile[],
): string | null {
  const what = nameAt(kind, path, part);
  if (what === null) return null;
  const definition = definitionsIn(group, what.kind).find(({ occurrence }) => occurrence.name === node.value);
  return definition === undefined ? null : summaryOf(definition, group);
}

/** How much it is in other words, where that helps: a thousand bytes are not what everybody takes for a KiB. */
function quantityText(value: unknown, { branch }: SchemaPlace): string | null {
  if (typeof value !== 'string') return null;
  if (branch['unit'] === 'duration') {
    const milliseconds = parseDuration(value);
    return milliseconds === null || /^\d+ms$/.test(value) ? null : `${value} = ${grouped(milliseconds)} ms`;
  }
  const bytes = branch['unit'] === 'size' ? parseSize(value) : branch['unit'] === 'rate' ? parseRate(value) : null;
  return typeof bytes === 'number'
    ? `${value} = ${grouped(bytes)} bytes${branch['unit'] === 'rate' ? '/s' : ''}`
    : null;
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
}
