import { CompletionItemKind, InsertTextFormat } from 'vscode-languageserver';
import type { CompletionItem } from 'vscode-languageserver';
import { childSchema, propertiesOf, requiredOf } from '../../../../schemas/schemaNodes.ts';
import type { SchemaJson } from '../../../../schemas/schemaNodes.ts';
import { documentationOf, markup, typeText } from '../documentation.ts';
import { nameAt } from '../../../../schemas/names.ts';
import { nodeAt } from '../../../../schemas/jsonPlaces.ts';
import { schemaAt } from '../../../../schemas/schemaAt.ts';
import type { SchemaPlace } from '../../../../schemas/schemaAt.ts';
import type { SourceFile } from '../model/sourceFile.ts';
import { definitionsIn, summaryOf } from '../summaries.ts';
import type { CompletionContext } from './context.ts';
import { editOf } from './edits.ts';
import type { Client } from './edits.ts';
import { escapeSnippet, SnippetWriter } from './snippets.ts';

/** The keys that may still be written in an object, those that are required first. */
export function keyItems(
  file: SourceFile,
  group: readonly SourceFile[],
  context: CompletionContext,
  client: Client,
): CompletionItem[] {
  const { document } = file;
  const place = schemaAt(document, context.path);
  if (place === null) return [];
  const taken = takenKeys(file, context);
  const required = requiredOf(place.branch);
  const properties = [...propertiesOf(place.branch, place.root)].filter(
    ([key, schema]) => !taken.has(key) && key !== '$schema' && schema['deprecated'] === undefined,
  );
  // Of an object that has exactly one of its keys nothing is offered when it has one.
  const isFull = place.branch['maxProperties'] === 1 && taken.size > 0;
  const items = isFull
    ? []
    : properties.map(([key, schema], index) => {
        const own: SchemaPlace = { schema, branch: schema, root: place.root, since: place.since };
        const isRequired = required.includes(key);
        const documentation = documentationOf(own);
        return keyItem(file, context, client, key, schema, place.root, {
          kind: CompletionItemKind.Property,
          detail: `${typeText(schema, place.root)}${isRequired ? ', required' : ''}`,
          sortText: `${isRequired ? '0' : '1'}${String(index).padStart(3, '0')}`,
          ...(documentation !== null && { documentation: markup(documentation, client.isPlain) }),
        });
      });
  return [...items, ...nameItems(file, group, context, client, taken, place)];
}

/** Keys that are names of hosts or networks. */
function nameItems(
  file: SourceFile,
  group: readonly SourceFile[],
  context: CompletionContext,
  client: Client,
  taken: ReadonlySet<string>,
  { branch, root }: SchemaPlace,
): CompletionItem[] {
  const what = nameAt(file.kind, [...context.path, '*'], 'key');
  const schema = what === null || what.isDefinition ? null : childSchema(branch, '*', root);
  if (what === null || schema === null) return [];
  return definitionsIn(group, what.kind)
    .filter(({ occurrence }) => !taken.has(occurrence.name))
    .map((definition) =>
      keyItem(file, context, client, definition.occurrence.name, schema, root, {
        kind: CompletionItemKind.Reference,
        detail: what.kind,
        sortText: `0${definition.occurrence.name}`,
        documentation: markup(summaryOf(definition, group), client.isPlain),
      }),
    );
}

function keyItem(
  file: SourceFile,
  context: CompletionContext,
  client: Client,
  key: string,
  schema: SchemaJson,
  root: SchemaJson,
  more: Partial<CompletionItem>,
): CompletionItem {
  const writer = new SnippetWriter(root, client.hasSnippets);
  const quoted = JSON.stringify(key);
  const own = client.hasSnippets ? escapeSnippet(quoted) : quoted;
  const text = context.hasColon ? own : writer.property(key, schema);
  return {
    label: key,
    filterText: context.isQuoted ? quoted : key,
    insertTextFormat: client.hasSnippets ? InsertTextFormat.Snippet : InsertTextFormat.PlainText,
    ...more,
    ...editOf(file, context, text),
  };
}

/** The keys of the object but the one that is being written. */
function takenKeys({ document }: SourceFile, { path, start, end }: CompletionContext): ReadonlySet<string> {
  const children = nodeAt(document.root, path)?.children ?? [];
  return new Set(
    children.flatMap((child) => {
      const [key] = child.children ?? [];
      const isWritten =
        key !== undefined && key.offset >= start && key.offset < Math.max(end, start + 1) && end > start;
      return key === undefined || isWritten ? [] : [String(key.value)];
    }),
  );
}
