import type { Range, SelectionRange } from 'vscode-languageserver';
import type { Node } from '../../../schemas/jsonText.ts';
import { endOf, placeAt } from '../../../schemas/jsonPlaces.ts';
import { rangeOf } from './model/positions.ts';
import type { SourceFile } from './model/sourceFile.ts';

/** What is selected step by step around an offset: the text, with its quotes, with its key, what is around it, … */
export function selectionRangeAt({ document }: SourceFile, offset: number): SelectionRange {
  const { root, text } = document;
  const whole = rangeOf(document, 0, text.length);
  const ranges: Range[] = [];
  const place = root === null ? null : placeAt(root, offset);
  for (let node: Node | undefined = place?.node; node !== undefined && node.offset >= 0; node = node.parent) {
    const isText = node.type === 'string';
    const isContainer = node.type === 'object' || node.type === 'array';
    if ((isText || isContainer) && node.offset < offset && offset < endOf(node)) {
      ranges.push(rangeOf(document, node.offset + 1, endOf(node) - 1));
    }
    ranges.push(rangeOf(document, node.offset, endOf(node)));
  }
  ranges.push(whole);
  // From the outside to the inside, each within the one before; one that is the same is no step.
  let selection: SelectionRange | undefined;
  for (const range of ranges.toReversed()) {
    if (selection !== undefined && areEqual(selection.range, range)) continue;
    selection = selection === undefined ? { range } : { range, parent: selection };
  }
  return selection ?? { range: whole };
}

function areEqual(a: Range, b: Range): boolean {
  return (
    a.start.line === b.start.line &&
    a.start.character === b.start.character &&
    a.end.line === b.end.line &&
    a.end.character === b.end.character
  );
}
