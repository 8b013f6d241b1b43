const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const sizeUnits = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/** Milliseconds of a duration such as "700ms" or "10m"; null for anything else. */
export function parseDuration(text: string): number | null {
  const match = /^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$/.exec(text);
  if (match === null) return null;
  return Number(match[1]) * durationUnits[match[2] as keyof typeof durationUnits];
}

/** Bytes of a size such as "512MiB"; null for anything else. */
export function parseSize(text: string): number | null {
  const match = /^([1-9][0-9]{0,8})(KiB|MiB|GiB)$/.exec(text);
  if (match === null) return null;
  return Number(match[1]) * sizeUnits[match[2] as keyof typeof sizeUnits];
}

/** Bytes per second of a rate such as "100MiB/s"; 'unlimited' as it is; null for anything else. */
export function parseRate(text: string): number | 'unlimited' | null {
  if (text === 'unlimited') return 'unlimited';
  return text.endsWith('/s') ? parseSize(text.slice(0, -2)) : null;
}

/** The shortest exact spelling of a number of milliseconds, such as "750ms" or "3s". */
export function formatDuration(milliseconds: number): string {
  for (const [unit, factor] of Object.entries(durationUnits).reverse()) {
    if (milliseconds !== 0 && milliseconds % factor === 0) return `${milliseconds / factor}${unit}`;
  }
  return `${milliseconds}ms`;
}

/** A size for people, such as "3.5 GiB". */
export function formatSize(bytes: number): string {
  const unit = bytes >= sizeUnits.GiB ? 'GiB' : 'MiB';
  return `${String(Math.round((10 * bytes) / sizeUnits[unit]) / 10)} ${unit}`;
}
