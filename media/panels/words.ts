const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `1536` → `1.5 KiB`. */
export function bytes(value: number): string {
  let rest = value;
  let unit = 0;
  while (rest >= 1023.95 && unit < byteUnits.length - 1) {
    rest /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(rest) : rest.toFixed(rest >= 99.95 ? 0 : 1)} ${byteUnits[unit] ?? ''}`;
}

export function perSecond(value: number): string {
  return `${bytes(value)}/s`;
}

/** A small or large count: `3.4`, `128`, `12 400`. */
export function count(value: number): string {
  if (value < 10 && !Number.isInteger(value)) return value.toFixed(1);
  return Math.round(value).toLocaleString('en-GB').replaceAll(',', '\u202f');
}

/** Microseconds in the unit that fits. */
export function micros(value: number): string {
  if (value < 1000) return `${Math.round(value)} µs`;
  if (value < 1_000_000) return `${(value / 1000).toFixed(value < 100_000 ? 1 : 0)} ms`;
  return `${(value / 1_000_000).toFixed(1)} s`;
}

/** Milliseconds in the largest unit that fits. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** A time span in whole seconds or more. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  return seconds < 90 ? `${seconds} s` : duration(milliseconds);
}

/** How long ago, in whole seconds or more; the clocks of host and editor may differ a little. */
export function ago(time: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - time) / 1000));
  return seconds < 2 ? 'just now' : `${span(seconds * 1000)} ago`;
}

/** `14:03:27`, with the date when it was another day. */
export function clock(iso: string, now: number): string {
  const date = new Date(iso);
  const time = date.toLocaleTimeString('en-GB');
  const today = new Date(now).toDateString() === date.toDateString();
  return today ? time : `${date.toLocaleDateString('en-CA')} ${time}`;
}
