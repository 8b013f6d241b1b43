/** What a change in the form does to the text: as little as it can. */
import type { FormEdit, FormEditParams, FormField, FormRefusalCode } from '../../../schemas/form.ts';
import { applyChanges, removeValue, setValue } from '../../../schemas/jsonEdits.ts';
import type { TextChange } from '../../../schemas/jsonEdits.ts';
import { moveEntry } from '../../../schemas/jsonMoves.ts';
import { keysOf, nodeAt } from '../../../schemas/jsonPlaces.ts';
import { formatPath, locate, parseText } from '../../../schemas/jsonText.ts';
import type { Node, PathSegment } from '../../../schemas/jsonText.ts';
import { isComment, tokensOf } from '../../../schemas/jsonTokens.ts';
import { schemaAt } from '../../../schemas/schemaAt.ts';
import { childSchema, propertiesOf, schemaOf, valuesOf } from '../../../schemas/schemaNodes.ts';
import type { SchemaJson } from '../../../schemas/schemaNodes.ts';
import { fieldAt, formOf, noNames } from './fields.ts';
import type { FormFileKind } from './fields.ts';
import { alternativesOf, chosenOf, kindKeysOf, presentKinds, variantNames } from './kinds.ts';
import { seedOf } from './seeds.ts';
import { typedValue } from './typed.ts';
import { typedText } from './words.ts';

/** What comes of an edit. `focus` is the field where the focus goes; null: it stays. */
export type FormOutcome =
  | { readonly changes: readonly TextChange[]; readonly focus: string | null }
  | { readonly refusal: FormRefusalCode; readonly reason: string };

/** Why an edit does not count that was made by what the document said before. */
export const staleReason = 'The file was changed meanwhile: the form shows it as it is now.';

interface Target {
  readonly kind: FormFileKind;
  readonly text: string;
  readonly root: Node;
  readonly form: FormField;
  readonly field: FormField;
}

/** A document as it is now. */
export interface FormDocument {
  readonly kind: FormFileKind;
  readonly version: number;
  readonly text: string;
}

/** The changes of the text that an edit needs, or why it is refused. None at all: the text says so already. */
export function changesOf(
  { kind, version, text }: FormDocument,
  { version: shown, edit }: FormEditParams,
): FormOutcome {
  if (shown !== version) return { refusal: 'STALE', reason: staleReason };
  const { root, problems } = parseText(text);
  if (root === null || problems.length > 0) {
    return { refusal: 'LOCKED', reason: 'The text cannot be read as it is: mend it there first.' };
  }
  const form = formOf({ kind, text, root }, noNames);
  const field = fieldAt(form, edit.path);
  if (field === null) return bad('There is no such field.');
  const outcome = perform({ kind, text, root, form, field }, edit);
  if ('refusal' in outcome) return outcome;
  // Whatever happens: what could be read before can be read afterwards.
  const after = parseText(applyChanges(text, outcome.changes));
  return after.problems.length === 0
    ? outcome
    : bad('This change would make the text unreadable: make it in the text.');
}

function perform(target: Target, edit: FormEdit): FormOutcome {
  switch (edit.action) {
    case 'type':
      return take(target, edit.text);
    case 'choose':
      return choose(target, edit.text);
    case 'vary':
      return vary(target, edit.text);
    case 'add':
      return add(target, edit.text);
    case 'rename':
      return rename(target, edit.text);
    case 'remove':
      return target.field.isRemovable ? done(removal(target)) : bad('This field cannot be taken out.');
    case 'up':
      return move(target, -1);
    case 'down':
      return move(target, 1);
  }
}

/** What somebody has typed. Nothing: a key that need not be there is taken out. */
function take(target: Target, typed: string): FormOutcome {
  const { field, root } = target;
  const { kind, isSet, isRequired, entryOf, path } = field;
  if (!['text', 'duration', 'size', 'rate', 'number'].includes(kind)) return bad('Nothing is typed there.');
  if (typed.trim() === '' && entryOf === null && (!isRequired || kind === 'number')) {
    return done(isSet ? removal(target) : []);
  }
  if (typed === field.text && (isSet || typed === '')) return done([]);
  const branch = branchAt(target, path);
  if (branch === null) return bad('There is no such field.');
  return set(target, path, typedValue(kind, branch, nodeAt(root, path), typed));
}

function choose(target: Target, text: string): FormOutcome {
  const { field } = target;
  if (field.isSet && field.text === text) return done([]);
  if (field.kind === 'boolean') {
    return text === 'true' || text === 'false' ? set(target, field.path, text === 'true') : bad('Yes or no.');
  }
  const branch = branchAt(target, field.path);
  const value = branch === null ? undefined : valuesOf(branch).find((each) => typedText(each) === text);
  if (field.kind !== 'choice' || value === undefined) return bad('This cannot be chosen there.');
  return set(target, field.path, value);
}

/** Makes a value of another kind. What the two have in common, such as the interval of a check, stays. */
function vary(target: Target, name: string): FormOutcome {
  const { field, root } = target;
  const { path, variants } = field;
  if (variants === null || !variants.names.includes(name)) return bad('There is no such kind.');
  if (variants.chosen === name) return done([]);
  const place = schemaAt(target, path);
  const alternatives = place === null ? [] : alternativesOf(place.schema, place.root);
  const wanted = alternatives.find((each) => variantNames(each).includes(name));
  if (place === null || wanted === undefined) return bad('There is no such kind.');
  const node = nodeAt(root, path);
  if (!kindKeysOf(wanted).includes(name)) {
    return set(target, path, convert(node, wanted['type'], seedOf(wanted, place.root)));
  }
  const seed = seedOf(childSchema(wanted, name, place.root) ?? {}, place.root);
  if (node?.type !== 'object') return set(target, path, { [name]: seed });
  return done(replaceKind(target, presentKinds(wanted, node), name, seed));
}

/** The first of the present kinds becomes the wanted one in its place; others go. */
function replaceKind(
  { text, root, field, kind }: Target,
  present: readonly string[],
  name: string,
  seed: unknown,
): readonly TextChange[] {
  const { path } = field;
  const [replaced, ...others] = present.filter((each) => each !== name);
  const keep = present.includes(name);
  let result = text;
  for (const other of keep && replaced !== undefined ? [replaced, ...others] : others) {
    result = applyChanges(result, removeValue(result, [...path, other]));
  }
  if (keep) return wholeChange(text, result);
  if (replaced === undefined) {
    const order = orderAt({ kind, root: parseText(result).root ?? root }, path);
    return wholeChange(text, applyChanges(result, setValue(result, [...path, name], seed, { order })));
  }
  result = applyChanges(result, setValue(result, [...path, replaced], seed));
  return wholeChange(text, applyChanges(result, renameKey(result, [...path, replaced], name)));
}

/** Several changes after one another as a single one of what has changed between the first and the last difference. */
function wholeChange(before: string, after: string): readonly TextChange[] {
  if (before === after) return [];
  let start = 0;
  while (start < before.length && before[start] === after[start]) start += 1;
  let [end, afterEnd] = [before.length, after.length];
  while (end > start && afterEnd > start && before[end - 1] === after[afterEnd - 1]) {
    end -= 1;
    afterEnd -= 1;
  }
  return [{ start, end, text: after.slice(start, afterEnd) }];
}

/** A list of what was a single value, or the first entry of what was a list. */
function convert(node: Node | null, type: unknown, seed: unknown): unknown {
  if (type === 'array' && node?.type === 'string') return [node.value as unknown];
  const first = node?.type === 'array' ? node.children?.[0] : undefined;
  return type === 'string' && first?.type === 'string' ? first.value : seed;
}

function add(target: Target, name: string): FormOutcome {
  const { field, root } = target;
  const { path, kind } = field;
  if (kind !== 'list' && kind !== 'map') return bad('Nothing can be added there.');
  if (!field.hasRoom) return bad('There is no room for another entry.');
  const node = nodeAt(root, path);
  const segment = kind === 'list' ? (node?.children?.length ?? 0) : name.trim();
  if (segment === '') return bad('Type a name first.');
  if (typeof segment === 'string' && keysOf(node).includes(segment)) {
    return bad(`There is an entry "${segment}" already.`);
  }
  const branch = branchAt(target, path);
  const schema = branch === null ? null : childSchema(branch, segment, schemaOf[target.kind]);
  if (schema === null) return bad('Nothing can be added there.');
  const own = [...path, segment];
  const outcome = set(target, own, seedOf(schema, schemaOf[target.kind]));
  return 'refusal' in outcome ? outcome : { ...outcome, focus: formatPath(own) };
}

function rename({ text, root, field }: Target, name: string): FormOutcome {
  const wanted = name.trim();
  if (field.entryOf !== 'map') return bad('Only an entry with a name can be renamed.');
  if (wanted === '') return bad('Type a name first.');
  if (wanted === field.key) return done([]);
  const parent = field.path.slice(0, -1);
  if (keysOf(nodeAt(root, parent)).includes(wanted)) return bad(`There is an entry "${wanted}" already.`);
  return { changes: renameKey(text, field.path, wanted), focus: formatPath([...parent, wanted]) };
}

function renameKey(text: string, path: readonly PathSegment[], name: string): readonly TextChange[] {
  const { root } = parseText(text);
  const key = root === null ? null : locate(root, path).key;
  return key === null ? [] : [{ start: key.offset, end: key.offset + key.length, text: JSON.stringify(name) }];
}

function move({ text, field }: Target, by: 1 | -1): FormOutcome {
  const index = field.path.at(-1);
  const changes = field.entryOf === 'list' ? moveEntry(text, field.path, by) : [];
  if (changes.length === 0 || typeof index !== 'number') return done([]);
  return { changes, focus: formatPath([...field.path.slice(0, -1), index + by]) };
}

function set(target: Target, path: readonly PathSegment[], value: unknown): FormOutcome {
  const { text, root } = target;
  let depth = path.length - 1;
  while (depth > 0 && nodeAt(root, path.slice(0, depth)) === null) depth -= 1;
  const order = orderAt(target, path.slice(0, depth));
  const changes = setValue(text, path, value, { order, root });
  return changes.length > 0 ? done(changes) : bad('Something else stands in the way: change it in the text.');
}

/** The keys of a section in the order of its schema. */
function orderAt(source: { readonly kind: FormFileKind; readonly root: Node }, path: readonly PathSegment[]): string[] {
  const place = schemaAt(source, path);
  return place === null ? [] : [...propertiesOf(place.branch, place.root).keys()];
}

/**
 * Takes a value out, and with it the section, list or map that has become empty by that and need not be there; one that holds a comment
 * stays.
 */
function removal({ text, root, form, field }: Target): readonly TextChange[] {
  let { path } = field;
  while (path.length > 1) {
    const parent = fieldAt(form, path.slice(0, -1));
    const node = nodeAt(root, path.slice(0, -1));
    if (parent === null || node === null || !vanishes(parent, node, text)) break;
    ({ path } = parent);
  }
  return removeValue(text, path);
}

/** Whether nothing would be left of it without its only entry, and nobody needs it. */
function vanishes(parent: FormField, node: Node, text: string): boolean {
  const [only, ...others] = node.children ?? [];
  if (only === undefined || others.length > 0 || parent.entryOf !== null || parent.isRequired) return false;
  if (parent.kind !== 'section' && parent.kind !== 'list' && parent.kind !== 'map') return false;
  const ends = [
    [node.offset + 1, only.offset],
    [only.offset + only.length, node.offset + node.length - 1],
  ] as const;
  return ends.every(([from, to]) => ![...tokensOf(text.slice(from, to))].some(isComment));
}

function branchAt(target: Target, path: readonly PathSegment[]): SchemaJson | null {
  const place = schemaAt(target, path);
  return place === null ? null : chosenOf(alternativesOf(place.schema, place.root), nodeAt(target.root, path));
}

function done(changes: readonly TextChange[]): FormOutcome {
  return { changes, focus: null };
}

function bad(reason: string): FormOutcome {
  return { refusal: 'BAD_EDIT', reason };
}
