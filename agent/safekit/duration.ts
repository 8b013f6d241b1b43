import { formatDuration } from '../../schemas/units.ts';

const units: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 0.001 };
/** What the formats of module files can express. */
const longest = 999_999_999;

/**
 * Milliseconds of a time as SafeKit writes it: a whole number and d, h, m, s, ms or us, or, as before its release 8.2.5, a number alone.
 * @param unit of a number alone
 * @returns null: it is no such time, or longer than a module file can say.
 */
export function parseTime(text: string, unit: 'ms' | 's' | 'm' | 'h'): number | null {
  const match = /^([0-9]{1,12})\s*(d|h|m|s|ms|us)?$/.exec(text.trim());
  if (match === null) return null;
  const milliseconds = Math.ceil(Number(match[1]) * (units[match[2] ?? unit] ?? Number.NaN));
  return milliseconds <= longest ? milliseconds : null;
}

/** A time in a module file; one that is longer than it can say becomes the longest one, eleven days. */
export function timeText(milliseconds: number): string {
  return formatDuration(Math.min(milliseconds, longest));
}
