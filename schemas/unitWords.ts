/** Units as people write them, in the spelling of our files. */

const durations: Readonly<Record<string, string>> = {
  ms: 'ms',
  msec: 'ms',
  millis: 'ms',
  s: 's',
  sec: 's',
  secs: 's',
  second: 's',
  seconds: 's',
  m: 'm',
  min: 'm',
  mins: 'm',
  minute: 'm',
  minutes: 'm',
  h: 'h',
  hour: 'h',
  hours: 'h',
  d: 'd',
  day: 'd',
  days: 'd',
};

const sizes: Readonly<Record<string, string>> = {
  k: 'KiB',
  kb: 'KiB',
  kib: 'KiB',
  m: 'MiB',
  mb: 'MiB',
  mib: 'MiB',
  g: 'GiB',
  gb: 'GiB',
  gib: 'GiB',
};

/** A number and a unit in any spelling, such as "1.5 min" or "512 mb/s". */
export interface WrittenQuantity {
  /** As it is written. */
  readonly amount: string;
  /** As our files spell it: s, MiB, without "/s". */
  readonly unit: string;
  /** "/s" of rates, empty otherwise. */
  readonly suffix: '' | '/s';
}

/**
 * Reads what is a quantity in all but spelling.
 * @param kind the `unit` of its schema: duration, size or rate
 * @returns null: it is none of that kind
 */
export function writtenQuantity(text: string, kind: unknown): WrittenQuantity | null {
  const match = /^\s*(\d{1,9}(?:\.\d{1,6})?)\s*([a-z]+?)(?:\/s|ps)?\s*$/i.exec(text);
  const words = kind === 'duration' ? durations : kind === 'size' || kind === 'rate' ? sizes : {};
  const word = (match?.[2] ?? '').toLowerCase();
  const unit = Object.hasOwn(words, word) ? words[word] : undefined;
  if (match === null || unit === undefined) return null;
  return { amount: match[1] ?? '', unit, suffix: kind === 'rate' ? '/s' : '' };
}
