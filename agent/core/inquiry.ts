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
 * Without an arbiter the record lives on both hosts, and reading it makes durable here what the other one has told. A host that is stopped, follows,
 * or was handed the module reads it for nothing else: its next start would know of no epoch in which the other one went on without it.
 * @param isNews it was told just now: that does not wait for its turn, as nothing more may be heard
 */
export function keepCopy(draft: Draft, isNews: boolean): void {
  const { config, inquiry, record } = draft.state;
  if (config.arbiter !== 'none') return;
  if ((record?.epoch ?? 0) <= (inquiry.record?.epoch ?? 0)) return;
  if (isNews) draft.state.inquiry = { ...inquiry, askedAt: -Infinity };
  inquire(draft);
}
