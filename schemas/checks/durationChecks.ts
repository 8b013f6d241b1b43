/** Durations that are out of the range which the schema gives them. */
import type { Problem } from '../diagnostic.ts';
import type { DocumentKind } from '../document.ts';
import type { PathSegment } from '../jsonText.ts';
import { branchOf, childSchema, schemaOf } from '../schemaNodes.ts';
import type { SchemaJson, Shape } from '../schemaNodes.ts';
import { durationRange, expectedDuration } from '../schemaWords.ts';
import { parseDuration } from '../units.ts';

/**
 * Durations end in timers, which a system has only up to a length: a longer one would be over at once.
 * @param value of a valid file, as it is written
 */
export function checkDurations(kind: DocumentKind, value: unknown): readonly Problem[] {
  const schema = schemaOf[kind];
  return [...within(schema, value, [], schema)];
}

function* within(
  schema: SchemaJson,
  value: unknown,
  path: readonly PathSegment[],
  root: SchemaJson,
): Iterable<Problem> {
  if (typeof value === 'string') yield* checkDuration(schema, value, path);
  if (typeof value !== 'object' || value === null) return;
  const isList = Array.isArray(value);
  const shape: Shape = { type: isList ? 'array' : 'object', keys: isList ? [] : Object.keys(value) };
  const branch = branchOf(schema, shape, root);
  const entries: Iterable<readonly [PathSegment, unknown]> = isList
    ? (value as unknown[]).entries()
    : Object.entries(value);
  for (const [segment, child] of entries) {
    const childIs = childSchema(branch, segment, root);
    if (childIs !== null) yield* within(childIs, child, [...path, segment], root);
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
