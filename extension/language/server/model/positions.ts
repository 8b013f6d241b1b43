import type { Position, Range } from 'vscode-languageserver';
import { endOf } from '../../../../schemas/jsonPlaces.ts';
import type { LineIndex, Node } from '../../../../schemas/jsonText.ts';

interface WithLines {
  readonly lines: LineIndex;
}

/** The protocol's place of an offset: line and character from 0, in UTF-16 code units. */
export function positionOf({ lines }: WithLines, offset: number): Position {
  const { line, column } = lines.at(offset);
  return { line: line - 1, character: column - 1 };
}

export function rangeOf(document: WithLines, start: number, end: number): Range {
  return { start: positionOf(document, start), end: positionOf(document, end) };
}

export function rangeOfNode(document: WithLines, node: Node): Range {
  return rangeOf(document, node.offset, endOf(node));
}

/** The offset of a place; one that is not in the text is the nearest one that is. */
export function offsetOf({ lines }: WithLines, { line, character }: Position): number {
  return lines.offsetAt({ line: line + 1, column: character + 1 });
}
