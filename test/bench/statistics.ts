export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

/** How far the values lie apart: (largest - smallest) / median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

/** Three significant digits. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

export interface Distribution {
  readonly median: number;
  /** Nine tenths of the values are at most this. */
  readonly p90: number;
  readonly max: number;
}

/** In whole units; null without values. */
export function distribution(values: readonly number[]): Distribution | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((one, other) => one - other);
  const p90 = sorted[Math.ceil(sorted.length * 0.9) - 1] ?? Number.NaN;
  return { median: Math.round(median(sorted)), p90: Math.round(p90), max: Math.round(sorted.at(-1) ?? Number.NaN) };
}
