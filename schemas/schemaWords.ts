/** What a schema says of a value, in sentences for people. */
import type { SchemaJson } from './schemaNodes.ts';

/** The bounds of a number, or of how many entries there may be; none: there are none. */
export function rangesOf(schema: SchemaJson): string[] {
  const number = (key: string): number | null => (typeof schema[key] === 'number' ? schema[key] : null);
  const minimum = number('minimum');
  const above = number('exclusiveMinimum');
  const maximum = number('maximum');
  const texts: string[] = [];
  if (minimum !== null && maximum !== null) texts.push(`From ${minimum} to ${maximum}.`);
  else if (above !== null && maximum !== null) texts.push(`More than ${above}, up to ${maximum}.`);
  else if (minimum !== null) texts.push(`At least ${minimum}.`);
  else if (maximum !== null) texts.push(`At most ${maximum}.`);
  const [fewest, most] = [number('minItems') ?? number('minProperties'), number('maxItems') ?? number('maxProperties')];
  if (fewest !== null && fewest === most) texts.push(`Exactly ${fewest} ${fewest === 1 ? 'entry' : 'entries'}.`);
  else if (fewest !== null && most !== null) texts.push(`From ${fewest} to ${most} entries.`);
  else if (fewest !== null) texts.push(`At least ${fewest} ${fewest === 1 ? 'entry' : 'entries'}.`);
  else if (most !== null) texts.push(`At most ${most} entries.`);
  return texts;
}
