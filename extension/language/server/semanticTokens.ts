import { SemanticTokensBuilder } from 'vscode-languageserver';
import type { SemanticTokens, SemanticTokensLegend } from 'vscode-languageserver';
import type { AnyDocument } from '../../../schemas/document.ts';
import type { Node } from '../../../schemas/jsonText.ts';
import { parseDuration, parseRate, parseSize } from '../../../schemas/units.ts';
import type { NameKind } from '../../../schemas/names.ts';
import { occurrencesIn } from '../../../schemas/occurrences.ts';
import { positionOf } from './model/positions.ts';
import type { SourceFile } from './model/sourceFile.ts';
import { walk } from './model/walk.ts';

/** The protocol's own kinds, which every theme has colours for. */
export const legend: SemanticTokensLegend = {
  tokenTypes: ['class', 'variable', 'namespace', 'number'],
  tokenModifiers: ['declaration'],
};

const typeOf: Readonly<Record<NameKind, number>> = { module: 0, host: 1, network: 2 };
const quantity = 3;

/** Names of hosts, networks and modules, and durations and sizes, which are texts like any other to a grammar. */
export function semanticTokensOf({ document }: SourceFile): SemanticTokens {
  const builder = new SemanticTokensBuilder();
  const names = occurrencesIn(document).map(({ node, kind, isDefinition }) => ({
    node,
    type: typeOf[kind],
    modifiers: isDefinition ? 1 : 0,
  }));
  const quantities = quantitiesIn(document).map((node) => ({ node, type: quantity, modifiers: 0 }));
  for (const { node, type, modifiers } of [...names, ...quantities].sort((a, b) => a.node.offset - b.node.offset)) {
    const { line, character } = positionOf(document, node.offset + 1);
    const length = node.length - 2;
    if (length > 0) builder.push(line, character, length, type, modifiers);
  }
  return builder.build();
}

function quantitiesIn(document: AnyDocument): readonly Node[] {
  const found: Node[] = [];
  walk(document, ({ node, branch }) => {
    if (isQuantity(node) && typeof branch['unit'] === 'string') found.push(node);
  });
  return found;
}

function isQuantity({ type, value }: Node): boolean {
  if (type !== 'string') return false;
  const text = String(value);
  return /^\d/.test(text) && (parseDuration(text) ?? parseSize(text) ?? parseRate(text)) !== null;
}
