import { CompletionItemKind, InsertTextFormat } from 'vscode-languageserver';
import type { CompletionItem, CompletionList } from 'vscode-languageserver';
import { schemaOf } from '../../../../schemas/schemaNodes.ts';
import { nextToken } from '../../../../schemas/jsonTokens.ts';
import { rangeOf } from '../model/positions.ts';
import type { SourceFile } from '../model/sourceFile.ts';
import { contextAt } from './context.ts';
import type { Client } from './edits.ts';
import { fileItems } from './files.ts';
import { keyItems } from './keys.ts';
import { SnippetWriter } from './snippets.ts';
import { valueItems } from './values.ts';

/** What may be written at an offset. Null: nothing, such as in a comment. */
export async function completionAt(
  file: SourceFile,
  group: readonly SourceFile[],
  offset: number,
  client: Client,
): Promise<CompletionList | null> {
  const { text, root, diagnostics } = file.document;
  if (root === null) {
    const isEmpty = nextToken(text, 0) === null && !diagnostics.some(({ code }) => code === 'unreadable');
    return isEmpty && contextAt(text, offset) !== null ? whole([wholeFile(file, offset, client)]) : null;
  }
  const context = contextAt(text, offset);
  if (context === null) return null;
  if (context.part === 'key') return whole(keyItems(file, group, context, client));
  const values = valueItems(file, group, context, client);
  // A number that goes on has other units, and a path that goes on another folder.
  return { isIncomplete: true, items: [...values, ...(await fileItems(file, context, client))] };
}

function whole(items: CompletionItem[]): CompletionList {
  return { isIncomplete: false, items };
}

/** A first text for a file that is empty, but for comments: everything that is required. */
function wholeFile({ document, kind }: SourceFile, offset: number, client: Client): CompletionItem {
  const schema = schemaOf[kind];
  const writer = new SnippetWriter(schema, client.hasSnippets);
  const end = /^\s*\n/.test(document.text.slice(offset)) ? '' : '\n';
  return {
    label: kind === 'module' ? 'New module' : 'New cluster',
    filterText: '{',
    kind: CompletionItemKind.Snippet,
    insertTextFormat: client.hasSnippets ? InsertTextFormat.Snippet : InsertTextFormat.PlainText,
    textEdit: { range: rangeOf(document, offset, offset), newText: `${writer.value(schema)}${end}` },
  };
}
