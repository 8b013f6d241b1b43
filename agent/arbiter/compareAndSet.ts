import type { ArbiterRecord } from '../core/types.ts';
import type { ProposeResult } from './arbiter.ts';

/** What the holder of a record answers to a proposal: a record is replaced only by who knows it, and only by a later one. */
export function compareAndSet(
  current: ArbiterRecord | null,
  expect: number | null,
  record: ArbiterRecord,
): ProposeResult {
  // Asked again, as the answer was lost.
  if (current?.proposal === record.proposal) return { granted: true, record: current };
  if ((current?.epoch ?? null) !== expect || record.epoch <= (current?.epoch ?? 0)) {
    return { granted: false, current };
  }
  return { granted: true, record };
}
