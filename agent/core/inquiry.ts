/** Asking the arbiter again and again what it holds, where that decides. */
import type { Draft } from './draft.ts';

export const inquiryPeriodMs = 1000;
/** An older answer does not count. */
export const inquiryValidMs = 3000;

export function inquire(draft: Draft): void {
  const { state, now } = draft;
  if (now - state.inquiry.askedAt < inquiryPeriodMs) return;
  state.inquiry = { ...state.inquiry, askedAt: now };
  draft.emit({ type: 'readArbiter' });
}

/**
 * Without an arbiter the record lives on both hosts, and reading it makes durable here what the other one has told. A host that is stopped, or
 * follows, reads it for nothing else: its next start would know of no epoch in which the other one went on without it. A primary that is told of a
 * later one reads it when it waits.
 * @param isNews it was told just now: that does not wait for its turn, as nothing more may be heard
 */
export function keepCopy(draft: Draft, isNews: boolean): void {
  const { config, role, inquiry, peer } = draft.state;
  if (config.arbiter !== 'none' || role.at === 'primary') return;
  if ((peer.status?.record?.epoch ?? 0) <= (inquiry.record?.epoch ?? 0)) return;
  if (isNews) draft.state.inquiry = { ...inquiry, askedAt: -Infinity };
  inquire(draft);
}
