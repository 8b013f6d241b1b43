import type { Outcome } from './types.ts';

export type Refusal = Extract<Outcome, { ok: false }>;

export function refusal(code: Refusal['code'], reason: string, numbers: Refusal['numbers'] = {}): Refusal {
  return { ok: false, code, reason, numbers };
}
