import { median, rounded, spread } from '../statistics.ts';
import type { Row } from './row.ts';
import type { SystemName } from './system.ts';

/** What was measured of one row, round by round. */
export type Measured = Readonly<Partial<Record<SystemName, readonly number[]>>>;

/** Medians per second; null where a system was left out. */
export interface RowResult {
  readonly name: string;
  readonly unit: string;
  readonly plain: number | null;
  readonly ours: number | null;
  readonly oursUnencrypted: number | null;
  readonly glusterfs: number | null;
  /** ours / plain, ours / GlusterFS. */
  readonly toPlain: number | null;
  readonly toGlusterfs: number | null;
  /** (largest - smallest) / median of the rounds. */
  readonly spread: Readonly<Partial<Record<SystemName, number>>>;
}

export function resultOf(row: Pick<Row, 'name' | 'unit'>, measured: Measured): RowResult {
  const of = (name: SystemName) => (measured[name] === undefined ? null : rounded(median(measured[name])));
  const [plain, ours, oursUnencrypted, glusterfs] = [of('plain'), of('ours'), of('oursUnencrypted'), of('glusterfs')];
  const ratio = (other: number | null) => (ours === null || other === null ? null : rounded(ours / other));
  const spreads = Object.entries(measured).map(([name, values]) => [name, rounded(spread(values))]);
  return {
    name: row.name,
    unit: row.unit,
    plain,
    ours,
    oursUnencrypted,
    glusterfs,
    toPlain: ratio(plain),
    toGlusterfs: ratio(glusterfs),
    spread: Object.fromEntries(spreads) as RowResult['spread'],
  };
}

const titles = ['', 'plain', 'ours', 'unencrypted', 'GlusterFS', 'ours/plain', 'ours/GlusterFS'];

/** Medians, each with its spread. */
export function tableOf(results: readonly RowResult[]): string {
  const cell = (value: number | null, spreadOf?: number) =>
    value === null ? '-' : `${value}${spreadOf === undefined ? '' : ` ±${Math.round(spreadOf * 50)}%`}`;
  const lines = results.map((row) => [
    `${row.name} (${row.unit})`,
    cell(row.plain, row.spread.plain),
    cell(row.ours, row.spread.ours),
    cell(row.oursUnencrypted, row.spread.oursUnencrypted),
    cell(row.glusterfs, row.spread.glusterfs),
    cell(row.toPlain),
    cell(row.toGlusterfs),
  ]);
  const all = [titles, ...lines];
  const widths = titles.map((_, column) => Math.max(...all.map((line) => (line[column] ?? '').length)));
  return all
    .map((line) =>
      line
        .map((text, column) => (column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
