/** Of what kind a value is, and of what kinds it could be. */
import type { FieldKind, FormVariants } from '../../../schemas/form.ts';
import { keysOf } from '../../../schemas/jsonPlaces.ts';
import type { Node } from '../../../schemas/jsonText.ts';
import { branchesOf, isSchema, typesOf, valuesOf } from '../../../schemas/schemaNodes.ts';
import type { SchemaJson } from '../../../schemas/schemaNodes.ts';
import { typedText } from './words.ts';

/** Names of variants that are no key and no value of their own. */
const oneValue = 'one value';
const aList = 'a list';
const aSection = 'a section';

/** What a value may be: the branches of its schema, and of a branch that allows a list or a single value both of them. */
export function alternativesOf(schema: SchemaJson, root: SchemaJson): readonly SchemaJson[] {
  return branchesOf(schema, root).flatMap((branch) => {
    const types = typesOf(branch);
    const isMixed = types.length > 1 && types.some((type) => type === 'array' || type === 'object');
    return isMixed ? types.map((type) => ({ ...branch, type })) : [branch];
  });
}

/** The alternative that a value is meant as; null: it is none of several, or there is no value to tell by. */
export function chosenOf(alternatives: readonly SchemaJson[], node: Node | null): SchemaJson | null {
  const [only] = alternatives;
  if (alternatives.length === 1 && only !== undefined) return only;
  if (node === null) return null;
  return (
    alternatives.find((each) => {
      const values = valuesOf(each);
      return values.length > 0 ? values.includes(node.value) : typesOf(each).some((type) => type === node.type);
    }) ?? null
  );
}

/** The keys of which an object has exactly one, such as the kinds of a server; none: it has no such keys. */
export function kindKeysOf(branch: SchemaJson): readonly string[] {
  const named = branch['exactlyOneOf'];
  return Array.isArray(named) ? (named as unknown[]).filter((key) => typeof key === 'string') : [];
}

/** The kinds that an object has: one when it is right. */
export function presentKinds(branch: SchemaJson, node: Node | null): readonly string[] {
  const keys = new Set(keysOf(node));
  return kindKeysOf(branch).filter((key) => keys.has(key));
}

/** The kinds to choose from; null: there is nothing to choose. */
export function variantsOf(alternatives: readonly SchemaJson[], node: Node | null): FormVariants | null {
  const names = alternatives.flatMap(variantNames);
  if (names.length < 2) return null;
  const chosen = chosenOf(alternatives, node);
  if (chosen === null || node === null) return { chosen: null, names };
  const own = kindKeysOf(chosen).length > 0 ? presentKinds(chosen, node) : variantNames(chosen);
  return { chosen: own.length === 1 ? (own[0] ?? null) : null, names };
}

/** What the variants of an alternative are called: its kinds, or the alternative itself. */
export function variantNames(alternative: SchemaJson): readonly string[] {
  const kinds = kindKeysOf(alternative);
  if (kinds.length > 0) return kinds;
  if ('const' in alternative) return [typedText(alternative['const'])];
  const [type] = typesOf(alternative);
  return [type === 'array' ? aList : type === 'object' ? aSection : oneValue];
}

/** How a value is shown. @param branch null: it is none of the alternatives */
export function fieldKindOf(branch: SchemaJson | null, node: Node | null): FieldKind {
  if (branch === null) return node === null ? 'section' : 'mismatch';
  const kind = kindOfSchema(branch);
  if (node === null) return kind;
  switch (kind) {
    case 'section':
    case 'map':
      return node.type === 'object' ? kind : 'mismatch';
    case 'list':
      return node.type === 'array' ? kind : 'mismatch';
    case 'boolean':
      return node.type === 'boolean' ? kind : 'mismatch';
    case 'constant':
      return valuesOf(branch).includes(node.value) ? kind : 'mismatch';
    default:
      // Another scalar is mended by typing.
      return node.type === 'object' || node.type === 'array' ? 'mismatch' : kind;
  }
}

function kindOfSchema(branch: SchemaJson): FieldKind {
  if ('const' in branch) return 'constant';
  if (Array.isArray(branch['enum'])) return 'choice';
  const types = typesOf(branch);
  if (types.includes('object')) return isSchema(branch['properties']) ? 'section' : 'map';
  if (types.includes('array')) return 'list';
  if (types.every((type) => type === 'boolean')) return 'boolean';
  if (types.every((type) => type === 'number')) return 'number';
  const { unit } = branch;
  return unit === 'duration' || unit === 'size' || unit === 'rate' ? unit : 'text';
}
