import { type Distribution, distribution } from '../statistics.ts';
import { interruptionMs } from './gap.ts';
import { type EventName, eventTitles } from './events.ts';
import type { RunResult } from './measureRun.ts';
import type { Contender, SystemName } from './system.ts';

/** What became of one run. */
export interface RunRecord {
  readonly round: number;
  readonly event: EventName;
  readonly contender: Pick<Contender, 'system' | 'setting'>;
  /** Null: it failed, and `failure` says how. */
  readonly result: RunResult | null;
  readonly failure: string | null;
}

interface RowOf {
  readonly event: EventName;
  readonly system: SystemName;
  readonly setting: string;
}

export interface Row extends RowOf {
  /** Runs that the distributions are of. */
  readonly runs: number;
  readonly failed: number;
  /** Runs in which the service never stayed away for longer than a probe may take. */
  readonly uninterrupted: number;
  /** Runs in which the client itself was held up for so long that its figures are in doubt. */
  readonly disturbed: number;
  readonly gapMs: Distribution | null;
  readonly toStartMs: Distribution | null;
  readonly detectionMs: Distribution | null;
  readonly decisionMs: Distribution | null;
  readonly startMs: Distribution | null;
  readonly bootMs: Distribution | null;
}

export interface FailoverResult {
  readonly rounds: number;
  readonly rows: readonly Row[];
  readonly leftOut: readonly (RowOf & { readonly reason: string })[];
  /** Runs that failed, and what was wrong in runs that were measured. */
  readonly failures: readonly (RowOf & { readonly round: number; readonly reason: string })[];
}

export function resultOf(
  records: readonly RunRecord[],
  contenders: readonly Pick<Contender, 'system' | 'setting' | 'leftOut'>[],
  events: readonly EventName[],
  rounds: number,
): FailoverResult {
  const rows: Row[] = [];
  const leftOut: (RowOf & { reason: string })[] = [];
  for (const event of events) {
    for (const { system, setting, leftOut: reasons } of contenders) {
      const reason = reasons[event];
      if (reason !== undefined) leftOut.push({ event, system, setting, reason });
      const own = records.filter(
        (each) => each.event === event && each.contender.system === system && each.contender.setting === setting,
      );
      if (own.length > 0) rows.push(rowOf({ event, system, setting }, own));
    }
  }
  const failures = records.flatMap(({ round, event, contender: { system, setting }, result, failure }) =>
    [...(failure === null ? [] : [failure]), ...(result?.problems ?? [])].map((text) => {
      // The rest is what the logs said, which was shown when it happened.
      return { event, system, setting, round, reason: text.split('\n')[0] ?? '' };
    }),
  );
  return { rounds, rows, leftOut, failures };
}

function rowOf(row: RowOf, records: readonly RunRecord[]): Row {
  const results = records.flatMap(({ result }) => (result === null ? [] : [result]));
  const of = (value: (result: RunResult) => number | null): Distribution | null =>
    distribution(results.map(value).filter((each): each is number => each !== null));
  return {
    ...row,
    runs: results.length,
    failed: records.length - results.length,
    uninterrupted: results.filter(({ interrupted }) => !interrupted).length,
    disturbed: results.filter(({ clientSilenceMs }) => clientSilenceMs >= interruptionMs).length,
    gapMs: of(({ gapMs }) => gapMs),
    toStartMs: of(({ toStartMs }) => toStartMs),
    detectionMs: of(({ detectionMs }) => detectionMs),
    decisionMs: of(({ decisionMs }) => decisionMs),
    startMs: of(({ startMs }) => startMs),
    bootMs: of(({ bootMs }) => bootMs),
  };
}

export const systemTitles: Readonly<Record<SystemName, string>> = {
  ours: 'ours',
  pacemaker: 'Pacemaker',
  oursAddress: 'ours, address',
  keepalived: 'keepalived',
};

const seconds = (ms: number): string => (ms / 1000).toFixed(2);
const three = (of: Distribution | null): string =>
  of === null ? '-' : `${seconds(of.median)} / ${seconds(of.p90)} / ${seconds(of.max)}`;
const one = (of: Distribution | null): string => (of === null ? '-' : seconds(of.median));

const titles = ['event', 'system', 'setting', 'runs', 'gap', 'to start', 'detection', 'decision', 'start', 'boot'];

/** Seconds: gap and time to the start as median / p90 / longest, their parts as medians. */
export function tableOf({ rows, leftOut, failures }: FailoverResult): string {
  const lines = rows.map((row) => [
    eventTitles[row.event],
    systemTitles[row.system],
    row.setting,
    `${row.runs}${row.failed > 0 ? ` (${row.failed} failed)` : ''}`,
    row.runs > 0 && row.uninterrupted === row.runs ? `none (${three(row.gapMs)})` : three(row.gapMs),
    three(row.toStartMs),
    ...[row.detectionMs, row.decisionMs, row.startMs, row.bootMs].map(one),
  ]);
  const all = [titles, ...lines];
  const widths = titles.map((_, column) => Math.max(...all.map((line) => (line[column] ?? '').length)));
  const padded = all.map((line) =>
    line
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const nameOf = ({ event, system, setting }: RowOf): string =>
    `${eventTitles[event]}, ${systemTitles[system]}, ${setting}`;
  const disturbed = rows.filter((row) => row.disturbed > 0);
  return [
    'Seconds; gap and to start: median / p90 / longest, the rest: medians.',
    ...padded,
    ...section(
      'Left out',
      leftOut.map((each) => `${nameOf(each)}: ${each.reason}`),
    ),
    ...section(
      'The client itself was held up',
      disturbed.map((row) => `${nameOf(row)}: in ${row.disturbed} of ${row.runs} runs`),
    ),
    ...section(
      'Failures',
      failures.map((each) => `${nameOf(each)}, round ${each.round}: ${each.reason}`),
    ),
  ].join('\n');
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`)];
}
