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
