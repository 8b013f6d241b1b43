import type { InlayHint, Range } from 'vscode-languageserver';
import type { AnyDocument } from '../../../schemas/document.ts';
import type { Node } from '../../../schemas/jsonText.ts';
import { propertiesOf } from '../../../schemas/schemaNodes.ts';
import type { SchemaJson } from '../../../schemas/schemaNodes.ts';
import { code, escaped } from './documentation.ts';
import { endOf, keysOf } from '../../../schemas/jsonPlaces.ts';
import { offsetOf, positionOf } from './model/positions.ts';
import type { SourceFile } from './model/sourceFile.ts';
import { walk } from './model/walk.ts';

/** Characters of a hint; all of it is in its tooltip. */
const longestHint = 60;
const mostHints = 500;

interface Default {
  readonly key: string;
  readonly value: unknown;
  readonly schema: SchemaJson;
}

/** At each section the defaults that are in force there, since its keys do not say otherwise. */
export function inlayHintsOf({ document }: SourceFile, range: Range): InlayHint[] {
  const [from, to] = [offsetOf(document, range.start), offsetOf(document, range.end)];
  const hints: InlayHint[] = [];
  walk(document, ({ node, path, branch, root }) => {
    if (node.type !== 'object' || endOf(node) < from || node.offset > to || hints.length >= mostHints) return;
    // What the whole file does not say is what its reader has not asked for.
    const defaults = path.length === 0 ? [] : defaultsInForce(node, branch, root);
    if (defaults.length > 0) hints.push(hintFor(document, node, defaults));
  });
  return hints;
}

function defaultsInForce(node: Node, branch: SchemaJson, root: SchemaJson): readonly Default[] {
  const written = new Set(keysOf(node));
  return [...propertiesOf(branch, root)].flatMap(([key, schema]) => {
    const value: unknown = schema['default'];
    const isNothing = value === undefined || (typeof value === 'object' && value !== null);
    return written.has(key) || isNothing ? [] : [{ key, value, schema }];
  });
}

function hintFor(document: AnyDocument, node: Node, defaults: readonly Default[]): InlayHint {
  const [start, end] = [positionOf(document, node.offset), positionOf(document, endOf(node))];
  const isOneLine = start.line === end.line;
  // In a section of several lines right behind its brace, and on one line where another key would come.
  const offset = isOneLine ? endOf(node) - 1 : node.offset + 1;
  return {
    position: positionOf(document, offset),
    label: labelOf(defaults.map(({ key, value }) => `${key} ${String(value)}`)),
    tooltip: {
      kind: 'markdown',
      value: ['Defaults in force:', ...defaults.map(lineOf)].join('\n'),
    },
    paddingLeft: true,
    paddingRight: isOneLine,
  };
}

function labelOf(texts: readonly string[]): string {
  let label = '';
  for (const [index, text] of texts.entries()) {
    const longer = label === '' ? text : `${label}, ${text}`;
    if (longer.length > longestHint && label !== '') return `${label}, and ${texts.length - index} more`;
    label = longer;
  }
  return label;
}

function lineOf({ key, value, schema }: Default): string {
  const description = typeof schema['description'] === 'string' ? schema['description'] : '';
  const [first = ''] = description.split(/(?<=\.) /);
  return `- ${code(key).replaceAll('"', '')}: ${code(value)}. ${escaped(first)}`;
}
