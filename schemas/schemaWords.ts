/** What a schema says of a value, in sentences for people. */
import type { SchemaJson } from './schemaNodes.ts';
import { formatDuration } from './units.ts';

/** The shortest and the longest duration that are allowed. */
export interface DurationRange {
  readonly minimumMs: number;
  readonly maximumMs: number;
}

/**
 * The range of a value that is a duration: its schema's `minimum` and `maximum` are milliseconds there, which JSON Schema itself, that
 * applies them to numbers alone, does not look at. Null: it is no duration, or one without a range.
 */
export function durationRange({ unit, minimum = 0, maximum }: SchemaJson): DurationRange | null {
  if (unit !== 'duration' || typeof minimum !== 'number' || typeof maximum !== 'number') return null;
  return { minimumMs: minimum, maximumMs: maximum };
}

/** What is expected of a duration, behind "expected". */
export function expectedDuration({ minimumMs, maximumMs }: DurationRange): string {
  const longest = `"${formatDuration(maximumMs)}"`;
  if (minimumMs === 0) return `a duration of at most ${longest}`;
  if (minimumMs === 1) return `a duration longer than zero, at most ${longest}`;
  return `a duration from "${formatDuration(minimumMs)}" to ${longest}`;
}

function durationSentence({ minimumMs, maximumMs }: DurationRange): string {
  const longest = formatDuration(maximumMs);
  if (minimumMs === 0) return `At most ${longest}.`;
  return minimumMs === 1 ? `Longer than zero, up to ${longest}.` : `From ${formatDuration(minimumMs)} to ${longest}.`;
}

/** The bounds of a number or a duration, or of how many entries there may be; none: there are none. */
export function rangesOf(schema: SchemaJson): string[] {
  const duration = durationRange(schema);
  if (duration !== null) return [durationSentence(duration)];
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
