import { CompletionItemKind, InsertTextFormat } from 'vscode-languageserver';
import type { CompletionItem, CompletionList } from 'vscode-languageserver';
import { schemaOf } from '../../../../schemas/schemaNodes.ts';
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
    const isEmpty = text.trim() === '' && !diagnostics.some(({ code }) => code === 'unreadable');
    return isEmpty ? whole([wholeFile(file, client)]) : null;
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

/** A first text for an empty file: everything that is required. */
function wholeFile({ document, kind }: SourceFile, client: Client): CompletionItem {
  const schema = schemaOf[kind];
  const writer = new SnippetWriter(schema, client.hasSnippets);
  return {
    label: kind === 'module' ? 'New module' : 'New cluster',
    filterText: '{',
    kind: CompletionItemKind.Snippet,
    insertTextFormat: client.hasSnippets ? InsertTextFormat.Snippet : InsertTextFormat.PlainText,
    textEdit: { range: rangeOf(document, 0, document.text.length), newText: `${writer.value(schema)}\n` },
  };
}
