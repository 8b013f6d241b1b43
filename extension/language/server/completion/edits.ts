import type { CompletionItem, TextEdit } from 'vscode-languageserver';
import { rangeOf } from '../model/positions.ts';
import type { SourceFile } from '../model/sourceFile.ts';
import type { CompletionContext } from './context.ts';

/** What the editor can show and insert. */
export interface Client {
  readonly hasSnippets: boolean;
  /** Whether it shows plain text only, no Markdown. */
  readonly isPlain: boolean;
}

/** Writes `text` where the context says, with the commas that are missing around it. */
export function editOf(
  { document }: SourceFile,
  { start, end, commaBefore, needsCommaAfter, hasColon }: CompletionContext,
  text: string,
): Pick<CompletionItem, 'textEdit' | 'additionalTextEdits'> {
  const edit: TextEdit = {
    range: rangeOf(document, start, end),
    newText: needsCommaAfter && !hasColon ? `${text},` : text,
  };
  if (commaBefore === null) return { textEdit: edit };
  const place = rangeOf(document, commaBefore, commaBefore);
  return { textEdit: edit, additionalTextEdits: [{ range: place, newText: ',' }] };
}
