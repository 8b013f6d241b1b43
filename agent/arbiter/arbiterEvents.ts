/** What the failover core hears of an arbiter's answers. */
import type { ArbiterRecord, CoreEvent } from '../core/types.ts';
import type { ProposeResult } from './arbiter.ts';

export function recordRead(record: ArbiterRecord | null): CoreEvent {
  return { type: 'arbiterRead', record };
}

/** @param proposed what was asked for */
export function proposalAnswered(result: ProposeResult, proposed: ArbiterRecord): CoreEvent {
  return result.granted
    ? { type: 'proposalGranted', record: result.record }
    : { type: 'proposalRefused', proposal: proposed.proposal, current: result.current };
}

/** Whether it has granted what it was asked for is not known. */
export function arbiterFailed(error: unknown): CoreEvent {
  return { type: 'arbiterUnreachable', reason: error instanceof Error ? error.message : String(error) };
}
