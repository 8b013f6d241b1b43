import { format } from 'jsonc-parser';
import type { FormattingOptions, Range, TextEdit } from 'vscode-languageserver';
import { offsetOf, rangeOf } from './model/positions.ts';
import type { SourceFile } from './model/sourceFile.ts';

/**
 * Indents and spaces a file, or a part of it. Comments stay, and so do line breaks: what somebody has written on one line is read best
 * there. Only a file that is all on one line gets some.
 */
export function formattingOf({ document }: SourceFile, options: FormattingOptions, part: Range | null): TextEdit[] {
  const { text, root } = document;
  // Something that could not be read at all is not ours to move about.
  if (root === null) return [];
  const range =
    part === null
      ? undefined
      : { offset: offsetOf(document, part.start), length: offsetOf(document, part.end) - offsetOf(document, part.start) };
  const edits = format(text, range, {
    tabSize: Math.min(16, Math.max(1, options.tabSize)),
    insertSpaces: options.insertSpaces,
    insertFinalNewline: options.insertFinalNewline === true,
    keepLines: /[\r\n]/.test(text.trim()),
  });
  return edits.flatMap(({ offset, length, content }) => {
    const end = offset + length;
    const newText = content === ' ' && isInBrackets(text, offset, end) ? '' : content;
    return newText === text.slice(offset, end) ? [] : [{ range: rangeOf(document, offset, end), newText }];
  });
}

/** Lists on one line, and what is empty, have no blanks within their brackets. */
function isInBrackets(text: string, start: number, end: number): boolean {
  const before = text[start - 1];
  const after = text[end];
  return before === '[' || after === ']' || (before === '{' && after === '}');
}
