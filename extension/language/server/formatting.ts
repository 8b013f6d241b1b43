import { format } from 'jsonc-parser';
import type { FormattingOptions, Range, TextEdit } from 'vscode-languageserver';
import type { TextChange } from '../../../schemas/jsonEdits.ts';
import { offsetOf, rangeOf } from './model/positions.ts';
import type { SourceFile } from './model/sourceFile.ts';

/** An editor takes one long edit sooner than thousands of short ones. */
const mostEdits = 2000;

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
      : {
          offset: offsetOf(document, part.start),
          length: offsetOf(document, part.end) - offsetOf(document, part.start),
        };
  const edits = format(text, range, {
    tabSize: Math.min(16, Math.max(1, options.tabSize)),
    insertSpaces: options.insertSpaces,
    insertFinalNewline: options.insertFinalNewline === true,
    keepLines: /[\r\n]/.test(text.trim()),
  });
  const changes = edits.flatMap(({ offset, length, content }) => {
    const end = offset + length;
    const newText = content === ' ' && isInBrackets(text, offset, end) ? '' : content;
    return newText === text.slice(offset, end) ? [] : [{ start: offset, end, text: newText }];
  });
  const joined = changes.length > mostEdits ? joinChanges(text, changes) : changes;
  return joined.map(({ start, end, text: newText }) => ({ range: rangeOf(document, start, end), newText }));
}

/** All changes as one. @param changes in the order of their places */
function joinChanges(text: string, changes: readonly TextChange[]): readonly TextChange[] {
  const [first, last] = [changes[0], changes.at(-1)];
  if (first === undefined || last === undefined) return changes;
  const parts: string[] = [];
  let from = first.start;
  for (const change of changes) {
    parts.push(text.slice(from, change.start), change.text);
    from = change.end;
  }
  return [{ start: first.start, end: last.end, text: parts.join('') }];
}

/** Lists on one line, and what is empty, have no blanks within their brackets. */
function isInBrackets(text: string, start: number, end: number): boolean {
  const before = text[start - 1];
  const after = text[end];
  return before === '[' || after === ']' || (before === '{' && after === '}');
}
