import { LinkArbiterRecord as isArbiterRecord } from '../../schemas/generated/linkValidators.js';
import type { ArbiterRecord } from '../core/types.ts';

/** Version of the text; one that is not known is refused, never guessed at. The first one had no cause in words. */
const formatVersion = 2;
const knownVersions: readonly unknown[] = [1, formatVersion];

/** What is there cannot be used: asking again, or asking another one, does not help. */
export class RecordError extends Error {
  override readonly name = 'RecordError';
}

/** @param owner told with the record; null: wherever it lies it can be only one's. */
export function writeRecord(record: ArbiterRecord, owner: string | null): string {
  return JSON.stringify({ formatVersion, ...(owner === null ? {} : { owner }), record });
}

/**
 * Reads what {@link writeRecord} wrote. Damaged text is never taken for "no record": that would let a stale replica start.
 * @param where what the text was read from, for messages
 * @throws RecordError that says what to do
 */
export function readRecord(text: string, where: string): { record: ArbiterRecord; owner: string | null } {
  const damaged = `${where} is damaged: restore it, or remove it when both replicas are at hand`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new RecordError(damaged, { cause: error });
  }
  if (typeof parsed !== 'object' || parsed === null) throw new RecordError(damaged);
  const { formatVersion: version, record, owner } = parsed as Record<string, unknown>;
  if (!knownVersions.includes(version)) {
    const known = knownVersions.join(' and ');
    throw new RecordError(`${where} has format version ${String(version)}, this agent knows ${known}: upgrade it`);
  }
  if (!isArbiterRecord(record)) throw new RecordError(damaged);
  return { record: record as ArbiterRecord, owner: typeof owner === 'string' ? owner : null };
}
