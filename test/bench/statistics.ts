export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

/** The smallest value that is not exceeded by this share of them, from 0 to 1; NaN without values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
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
  const [p90, max] = [quantile(values, 0.9), quantile(values, 1)];
  return { median: Math.round(median(values)), p90: Math.round(p90), max: Math.round(max) };
}
