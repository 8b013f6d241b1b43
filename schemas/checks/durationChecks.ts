/** Durations that are out of the range which the schema gives them. */
import type { Problem } from '../diagnostic.ts';
import type { DocumentKind } from '../document.ts';
import type { PathSegment } from '../jsonText.ts';
import { schemaOf, type SchemaJson } from '../schemaNodes.ts';
import { schemaEntries } from '../schemaWalk.ts';
import { durationRange, expectedDuration } from '../schemaWords.ts';
import { parseDuration } from '../units.ts';

/**
 * Durations end in timers, which a system has only up to a length: a longer one would be over at once.
 * @param value of a valid file, as it is written
 */
export function checkDurations(kind: DocumentKind, value: unknown): readonly Problem[] {
  return [...outOfRange(kind, value)];
}

function* outOfRange(kind: DocumentKind, value: unknown): Iterable<Problem> {
  for (const { path, schema, value: text } of schemaEntries(schemaOf[kind], value)) {
    if (typeof text === 'string') yield* checkDuration(schema, text, path);
  }
}

function* checkDuration(schema: SchemaJson, text: string, path: readonly PathSegment[]): Iterable<Problem> {
  const range = durationRange(schema);
  // Some keys allow a word besides, such as "never".
  const milliseconds = range === null ? null : parseDuration(text);
  if (range === null || milliseconds === null) return;
  if (milliseconds >= range.minimumMs && milliseconds <= range.maximumMs) return;
  const expected = expectedDuration(range);
  yield { code: 'bad-duration', path, message: `"${text}" is out of range: expected ${expected}`, expected };
}
