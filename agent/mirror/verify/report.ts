import type { VerifyReport } from '../mirror.ts';

/** A verify that ended before it compared anything, or whose findings are lost with its process. */
export function unfinished(reason: string): VerifyReport {
  return { outcome: 'incomplete', reason, names: 0, checked: 0, durationMs: 0, total: 0, differences: [] };
}
