import type { FormField } from '../../../schemas/form.ts';
import type { Node } from '../../../schemas/jsonText.ts';
import { typesOf } from '../../../schemas/schemaNodes.ts';
import type { SchemaJson } from '../../../schemas/schemaNodes.ts';

/** As many digits as a number keeps exactly. */
const numeric = /^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?$/;

/** The value that somebody has typed. What is no number stays a text: the validators tell of it in their words. */
export function typedValue(kind: FormField['kind'], branch: SchemaJson, node: Node | null, typed: string): unknown {
  if (kind === 'number') {
    const text = typed.trim();
    return numeric.test(text) ? Number(text) : text;
  }
  if (kind !== 'text') return typed.trim();
  const types = typesOf(branch);
  // Where several types are allowed a value stays of its type as long as it can.
  const isBoolean = types.includes('boolean') && (node === null || node.type === 'boolean');
  if (isBoolean && (typed === 'true' || typed === 'false')) return typed === 'true';
  if (types.includes('number') && node?.type === 'number' && numeric.test(typed)) return Number(typed);
  return typed;
}
