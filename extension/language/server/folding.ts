import { FoldingRangeKind } from 'vscode-languageserver';
import type { FoldingRange } from 'vscode-languageserver';
import { positionOf } from './model/positions.ts';
import type { SourceFile } from './model/sourceFile.ts';
import { isComment, tokensOf } from '../../../schemas/jsonTokens.ts';
import type { Token } from '../../../schemas/jsonTokens.ts';

/** What an editor shows of them at most. */
const mostRanges = 5000;

/** Sections, lists, and comments of several lines. */
export function foldingRangesOf({ document }: SourceFile): FoldingRange[] {
  const ranges: FoldingRange[] = [];
  const open: Token[] = [];
  const lineOf = (offset: number): number => positionOf(document, offset).line;
  let comments: Token[] = [];
  const endComments = (): void => {
    const [first, last] = [comments[0], comments.at(-1)];
    comments = [];
    if (first === undefined || last === undefined) return;
    const [startLine, endLine] = [lineOf(first.start), lineOf(last.end)];
    if (endLine > startLine) ranges.push({ startLine, endLine, kind: FoldingRangeKind.Comment });
  };
  for (const token of tokensOf(document.text)) {
    if (ranges.length >= mostRanges) return ranges;
    if (isComment(token)) {
      const last = comments.at(-1);
      const goesOn =
        token.kind === 'lineComment' && last?.kind === 'lineComment' && lineOf(token.start) === lineOf(last.start) + 1;
      if (!goesOn) endComments();
      comments.push(token);
      continue;
    }
    endComments();
    if (token.kind === '{' || token.kind === '[') open.push(token);
    if (token.kind !== '}' && token.kind !== ']') continue;
    const opening = open.at(-1);
    if (opening === undefined || (opening.kind === '{') !== (token.kind === '}')) continue;
    open.pop();
    // The line of the closing bracket stays.
    const [startLine, endLine] = [lineOf(opening.start), lineOf(token.start) - 1];
    if (endLine > startLine) ranges.push({ startLine, endLine });
  }
  endComments();
  return ranges;
}
