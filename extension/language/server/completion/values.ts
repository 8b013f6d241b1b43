import { CompletionItemKind, InsertTextFormat } from 'vscode-languageserver';
import type { CompletionItem } from 'vscode-languageserver';
import { branchesOf, isSchema, typesOf, valuesOf } from '../../../../schemas/schemaNodes.ts';
import type { SchemaJson } from '../../../../schemas/schemaNodes.ts';
import { documentationOf, markup } from '../documentation.ts';
import { nameAt } from '../../../../schemas/names.ts';
import { nodeAt } from '../../../../schemas/jsonPlaces.ts';
import { quantitiesFor } from '../../../../schemas/quantities.ts';
import { schemaAt } from '../../../../schemas/schemaAt.ts';
import type { SourceFile } from '../model/sourceFile.ts';
import { definitionsIn, summaryOf } from '../summaries.ts';
import type { CompletionContext } from './context.ts';
import { editOf } from './edits.ts';
import type { Client } from './edits.ts';
import { SnippetWriter } from './snippets.ts';

/** The values that may stand at a place: names of the cluster, choices, quantities, examples, or a new section. */
export function valueItems(
  file: SourceFile,
  group: readonly SourceFile[],
  context: CompletionContext,
  client: Client,
): CompletionItem[] {
  const place = schemaAt(file.document, context.path);
  if (place === null) return [];
  const items = new Items(file, context);
  addNames(items, file, group, context, client);
  for (const branch of branchesOf(place.schema, place.root)) {
    const documentation = documentationOf(place);
    const more: Partial<CompletionItem> =
      documentation === null ? {} : { documentation: markup(documentation, client.isPlain) };
    const fallback: unknown = place.schema['default'] ?? branch['default'];
    for (const value of valuesOf(branch)) {
      items.add(value, {
        kind: CompletionItemKind.EnumMember,
        ...(value === fallback && { detail: 'default' }),
        ...more,
      });
    }
    if (typesOf(branch).includes('boolean') && valuesOf(branch).length === 0) {
      for (const value of [true, false]) {
        items.add(value, { kind: CompletionItemKind.Value, ...(value === fallback && { detail: 'default' }), ...more });
      }
    }
    if (isScalar(fallback)) items.add(fallback, { kind: CompletionItemKind.Value, detail: 'default', ...more });
    for (const value of scalarExamples(place.schema, branch)) {
      items.add(value, { kind: CompletionItemKind.Value, detail: 'example', ...more });
    }
    for (const { value, detail } of quantitiesFor(branch, context.typed)) {
      items.add(value, { kind: CompletionItemKind.Unit, detail, ...more });
    }
    const [type] = typesOf(branch);
    if ((type === 'object' || type === 'array') && !context.isQuoted) {
      const writer = new SnippetWriter(place.root, client.hasSnippets);
      const label = type === 'object' ? '{ … }' : '[ … ]';
      items.addText(
        label,
        writer.value({ ...branch, examples: place.schema['examples'] ?? branch['examples'] }),
        client,
        more,
      );
    }
  }
  return items.all;
}

function addNames(
  items: Items,
  file: SourceFile,
  group: readonly SourceFile[],
  { path }: CompletionContext,
  client: Client,
): void {
  const what = nameAt(file.kind, path, 'value');
  if (what === null || what.isDefinition) return;
  // What the list has already, and a module of itself, would be wrong there.
  const last = path.at(-1);
  const siblings = typeof last === 'number' ? (nodeAt(file.document.root, path.slice(0, -1))?.children ?? []) : [];
  const taken = new Set(siblings.filter((_node, index) => index !== last).map(({ value }) => String(value)));
  for (const definition of definitionsIn(group, what.kind)) {
    const { name } = definition.occurrence;
    if (taken.has(name) || (what.kind === 'module' && definition.file.path === file.path)) continue;
    items.add(name, {
      kind: CompletionItemKind.Reference,
      detail: what.kind,
      sortText: `0${name}`,
      documentation: markup(summaryOf(definition, group), client.isPlain),
    });
  }
}

/** Items for one place, each value once. */
class Items {
  readonly all: CompletionItem[] = [];
  readonly #file: SourceFile;
  readonly #context: CompletionContext;
  readonly #seen = new Set<string>();

  constructor(file: SourceFile, context: CompletionContext) {
    this.#file = file;
    this.#context = context;
  }

  add(value: unknown, more: Partial<CompletionItem>): void {
    const text = JSON.stringify(value);
    // Within quotes only a text can go on.
    if (this.#seen.has(text) || (this.#context.isQuoted && typeof value !== 'string')) return;
    this.#seen.add(text);
    this.all.push({
      label: typeof value === 'string' ? value : text,
      filterText: this.#context.isQuoted ? text : String(value),
      sortText: `1${String(this.all.length).padStart(3, '0')}`,
      insertTextFormat: InsertTextFormat.PlainText,
      ...more,
      ...editOf(this.#file, this.#context, text),
    });
  }

  addText(label: string, text: string, client: Client, more: Partial<CompletionItem>): void {
    this.all.push({
      label,
      filterText: text.slice(0, 1),
      sortText: '2',
      kind: CompletionItemKind.Struct,
      insertTextFormat: client.hasSnippets ? InsertTextFormat.Snippet : InsertTextFormat.PlainText,
      ...more,
      ...editOf(this.#file, this.#context, text),
    });
  }
}

function scalarExamples(...schemas: readonly SchemaJson[]): readonly unknown[] {
  return schemas.flatMap((schema) =>
    isSchema(schema) && Array.isArray(schema['examples']) ? (schema['examples'] as unknown[]).filter(isScalar) : [],
  );
}

function isScalar(value: unknown): boolean {
  return value !== undefined && (typeof value !== 'object' || value === null);
}
