const first = 500;
const longest = 15_000;

/**
 * Milliseconds to wait before attempt number `attempt` (from 0): doubling, bounded, and spread so that the editors of a whole
 * team do not come back in step.
 *
 * @param random from 0 to 1
 */
export function backoff(attempt: number, random: number): number {
  const bound = Math.min(longest, first * 2 ** Math.min(attempt, 10));
  return Math.round(bound * (0.5 + random / 2));
}
