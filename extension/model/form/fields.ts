import type { FormField } from '../../../schemas/form.ts';
import { childAt, endOf, keysOf } from '../../../schemas/jsonPlaces.ts';
import { formatPath } from '../../../schemas/jsonText.ts';
import type { Node, PathSegment } from '../../../schemas/jsonText.ts';
import { nameAt } from '../../../schemas/names.ts';
import type { NameKind } from '../../../schemas/names.ts';
import { quantitiesFor } from '../../../schemas/quantities.ts';
import {
  childSchema,
  propertiesOf,
  requiredOf,
  resolveSchema,
  schemaOf,
  valuesOf,
} from '../../../schemas/schemaNodes.ts';
import type { SchemaJson } from '../../../schemas/schemaNodes.ts';
import { alternativesOf, chosenOf, fieldKindOf, kindKeysOf, presentKinds, variantsOf } from './kinds.ts';
import { helpOf, labelOf, typedText } from './words.ts';

export type FormFileKind = 'module' | 'cluster';

/** Names that could be written where a host, a network or another module is meant. */
export type FormNames = Readonly<Record<NameKind, readonly string[]>>;

export const noNames: FormNames = { host: [], network: [], module: [] };

/** A file as it was parsed. */
export interface FormSource {
  readonly kind: FormFileKind;
  readonly text: string;
  readonly root: Node | null;
}

/** Entries of one list or map that are shown; who has more edits them in the text. */
const mostEntries = 200;
/** Characters of what is shown as it is written, and of the words that tell what is in a section. */
const longestRaw = 2000;
const longestGist = 60;

interface Context extends FormSource {
  readonly schema: SchemaJson;
  readonly names: FormNames;
}

/** Where a field is, and what is known of it before its own value is looked at. */
interface Spot {
  readonly path: readonly PathSegment[];
  readonly label: string;
  readonly schema: SchemaJson;
  readonly node: Node | null;
  readonly isRequired: boolean;
  readonly entryOf: 'list' | 'map' | null;
  readonly since: string | null;
}

/** The form of a file: every key of its schema, whether it is set or not, and what is in the file besides. */
export function formOf(source: FormSource, names: FormNames): FormField {
  const schema = schemaOf[source.kind];
  const label = labelOf(String(schema['title']).replace(/File$/, ''));
  const spot = { path: [], label, node: source.root, isRequired: true, entryOf: null, since: null };
  return fieldOf({ ...source, schema, names }, { ...spot, schema: resolveSchema(schema, schema) });
}

/** The field at a path; null: there is none. */
export function fieldAt(root: FormField, path: readonly PathSegment[]): FormField | null {
  let field: FormField | undefined = root;
  for (const [depth, segment] of path.entries()) field = field?.fields.find((each) => each.path[depth] === segment);
  return field ?? null;
}

function fieldOf(context: Context, spot: Spot): FormField {
  const { path, schema, node, isRequired, entryOf } = spot;
  const since = typeof schema['since'] === 'string' ? schema['since'] : spot.since;
  const alternatives = alternativesOf(schema, context.schema);
  const branch = chosenOf(alternatives, node);
  const kind = fieldKindOf(branch, node);
  const isSet = node !== null;
  const last = path.at(-1);
  const own = {
    id: formatPath(path),
    path,
    key: typeof last === 'number' ? String(last + 1) : (last ?? ''),
    label: spot.label,
    kind,
    isSet,
    isRequired,
    help: helpOf(schema, since, context.schema),
    variants: variantsOf(alternatives, node),
    isRemovable: isSet && path.length > 0 && (entryOf !== null || !isRequired || kind === 'mismatch'),
    entryOf,
  };
  const said = { ...spot, since };
  const fields = branch === null ? [] : fieldsOf(context, said, kind, branch);
  const count = node?.children?.length ?? 0;
  const fallback = schema['default'] ?? branch?.['default'];
  return {
    ...own,
    text: node === null ? '' : textOf(context, kind, node, fields),
    fallback: fallback === undefined || typeof fallback === 'object' ? null : typedText(fallback),
    choices: kind === 'choice' && branch !== null ? valuesOf(branch).map(typedText) : [],
    suggestions: branch === null ? [] : suggestionsFor(context, said, kind, branch),
    hasRoom: hasRoom(kind, branch, count),
    hidden: kind === 'list' || kind === 'map' ? Math.max(0, count - mostEntries) : 0,
    fields,
  };
}

function fieldsOf(context: Context, spot: Spot, kind: FormField['kind'], branch: SchemaJson): FormField[] {
  switch (kind) {
    case 'section':
      return sectionFields(context, spot, branch);
    case 'list':
      return (spot.node?.children ?? []).slice(0, mostEntries).flatMap((node, index) => {
        const label = `${spot.label} ${index + 1}`;
        return childField(context, spot, branch, { segment: index, label, node, isRequired: false, entryOf: 'list' });
      });
    case 'map':
      return [...new Set(keysOf(spot.node))].slice(0, mostEntries).flatMap((name) => {
        const node = spot.node === null ? null : childAt(spot.node, name);
        return childField(context, spot, branch, {
          segment: name,
          label: name,
          node,
          isRequired: false,
          entryOf: 'map',
        });
      });
    default:
      return [];
  }
}

function childField(
  context: Context,
  { path, since }: Spot,
  branch: SchemaJson,
  { segment, ...child }: Pick<Spot, 'label' | 'node' | 'isRequired' | 'entryOf'> & { readonly segment: PathSegment },
): FormField[] {
  const schema = childSchema(branch, segment, context.schema);
  return schema === null ? [] : [fieldOf(context, { ...child, path: [...path, segment], schema, since })];
}

/** What has to be there first, in the order of the schema; what the schema does not know last. */
function sectionFields(context: Context, spot: Spot, branch: SchemaJson): FormField[] {
  const required = requiredOf(branch);
  const present = presentKinds(branch, spot.node);
  const kinds = kindKeysOf(branch);
  const known = propertiesOf(branch, context.schema);
  const isFirst = (key: string): boolean => required.includes(key) || kinds.includes(key);
  const rank = (key: string): number => (isFirst(key) ? 0 : key.startsWith('$') ? 2 : 1);
  const keys = [...known.keys()].filter((key) => !kinds.includes(key) || present.includes(key));
  const fields = keys
    .toSorted((a, b) => rank(a) - rank(b))
    .flatMap((key) => {
      const node = spot.node === null ? null : childAt(spot.node, key);
      // One of its kinds is changed for another one; of several each could be the one too many.
      const isRequired = required.includes(key) || (kinds.includes(key) && present.length === 1);
      return childField(context, spot, branch, {
        segment: key,
        label: labelOf(key),
        node,
        isRequired,
        entryOf: null,
      });
    });
  const unknown = [...new Set(keysOf(spot.node))].filter((key) => !known.has(key)).slice(0, mostEntries);
  return [...fields, ...unknown.map((key) => unknownField(context, spot, key))];
}

function unknownField(context: Context, { path, node: parent }: Spot, key: string): FormField {
  const own = [...path, key];
  const node = parent === null ? null : childAt(parent, key);
  return {
    id: formatPath(own),
    path: own,
    key,
    label: key,
    kind: 'unknown',
    isSet: true,
    isRequired: false,
    text: node === null ? '' : rawOf(context, node),
    fallback: null,
    help: { short: 'This key is not known here. It stays as it is written.', more: '' },
    choices: [],
    suggestions: [],
    variants: null,
    isRemovable: true,
    entryOf: null,
    hasRoom: false,
    hidden: 0,
    fields: [],
  };
}

function hasRoom(kind: FormField['kind'], branch: SchemaJson | null, count: number): boolean {
  if (kind !== 'list' && kind !== 'map') return false;
  const most = branch?.[kind === 'list' ? 'maxItems' : 'maxProperties'];
  return typeof most !== 'number' || count < most;
}

function textOf(context: Context, kind: FormField['kind'], node: Node, fields: readonly FormField[]): string {
  if (kind === 'section' || kind === 'list' || kind === 'map') return gistOf(kind, node, fields);
  if (node.type === 'string' && kind !== 'mismatch') return String(node.value);
  return rawOf(context, node);
}

function rawOf({ text }: Context, node: Node): string {
  return shortened(text.slice(node.offset, endOf(node)), longestRaw);
}

/** A few words of what is in something, for its heading. */
function gistOf(kind: 'section' | 'list' | 'map', node: Node, fields: readonly FormField[]): string {
  const children = node.children ?? [];
  if (kind === 'map') return shortened(keysOf(node).join(', '), longestGist);
  const isPlain = children.every(({ type }) => type !== 'object' && type !== 'array');
  if (kind === 'list') {
    if (isPlain) return shortened(children.map(({ value }) => typedText(value)).join(', '), longestGist);
    return `${children.length} ${children.length === 1 ? 'entry' : 'entries'}`;
  }
  return shortened(fields.find(({ isSet, text }) => isSet && text !== '')?.text ?? '', longestGist);
}

function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** What could be typed there, or what an entry of a map could be called. */
function suggestionsFor(context: Context, spot: Spot, kind: FormField['kind'], branch: SchemaJson): readonly string[] {
  const { path, node, schema } = spot;
  if (kind === 'map') {
    const what = nameAt(context.kind, [...path, '*'], 'key');
    const taken = new Set(keysOf(node));
    return what === null || what.isDefinition ? [] : context.names[what.kind].filter((name) => !taken.has(name));
  }
  if (kind !== 'text' && kind !== 'duration' && kind !== 'size' && kind !== 'rate') return [];
  const what = nameAt(context.kind, path, 'value');
  if (what !== null) return what.isDefinition ? [] : namesFor(context, spot, what.kind);
  const examples = Array.isArray(schema['examples']) ? (schema['examples'] as unknown[]) : [];
  const texts = examples.filter((example) => typeof example === 'string');
  return [...new Set([...quantitiesFor(branch, '').map(({ value }) => value), ...texts])];
}

/** Without those that the same list has already. */
function namesFor(context: Context, { path, node }: Spot, kind: NameKind): readonly string[] {
  const siblings = typeof path.at(-1) === 'number' ? (node?.parent?.children ?? []) : [];
  const taken = new Set(siblings.filter((each) => each !== node).map(({ value }) => String(value)));
  return context.names[kind].filter((name) => !taken.has(name));
}
