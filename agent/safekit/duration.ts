import { schemaAt } from '../../schemas/schemaAt.ts';
import { durationRange } from '../../schemas/schemaWords.ts';
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

/** Keys of module files that take over times of SafeKit. */
const keys = {
  detection: ['failover', 'detection'],
  restartPeriod: ['failover', 'restartPeriod'],
  scriptTimeout: ['server', 'scripts', 'timeout'],
  hookTimeout: ['hooks', 'timeout'],
  every: ['checks', 0, 'every'],
  timeout: ['checks', 0, 'timeout'],
  startGrace: ['checks', 0, 'startGrace'],
} as const;

/** A time in a module file; one that is longer than the key can say becomes the longest one. */
export function timeText(milliseconds: number, key: keyof typeof keys): string {
  return formatDuration(Math.min(milliseconds, longestAt(key)));
}

/** What is told of a time that is longer than a key can say; of any other one nothing. */
export function cutText(milliseconds: number, key: keyof typeof keys): string {
  return milliseconds > longestAt(key) ? ` ${formatDuration(longestAt(key))} is the most.` : '';
}

function longestAt(key: keyof typeof keys): number {
  const place = schemaAt({ kind: 'module', root: null }, keys[key]);
  return Math.min(longest, (place && durationRange(place.branch)?.maximumMs) ?? longest);
}
