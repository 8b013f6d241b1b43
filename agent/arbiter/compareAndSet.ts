import type { ArbiterRecord } from '../core/types.ts';
import type { ProposeResult } from './arbiter.ts';

/**
 * What becomes of a proposal by the record that there is. Null: it may take its place, if nobody else's does first.
 * @param expect epoch of the record that it replaces; null: there must be none
 */
export function decide(
  current: ArbiterRecord | null,
  expect: number | null,
  record: ArbiterRecord,
): ProposeResult | null {
  if (current?.proposal === record.proposal) return { granted: true, record: current };
  if ((current?.epoch ?? null) !== expect || record.epoch <= (current?.epoch ?? 0)) return { granted: false, current };
  return null;
}
