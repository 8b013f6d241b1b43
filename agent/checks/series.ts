/**
 * What the results of a check mean, one after the other: pure, all times are handed in (milliseconds of one clock). A check that has failed
 * says so again after as many failures more: what could not be done about it before may be possible then.
 */
export type CheckState =
  /** The server has started, and the check has neither succeeded yet nor failed when it counts. */
  | 'starting'
  | 'well'
  /** It fails, not as often in a row as counts yet. */
  | 'failing'
  | 'failed';

export interface Series {
  readonly state: CheckState;
  /** When that state began. */
  readonly since: number;
  /** What was wrong the last time; null: it is well. */
  readonly error: string | null;
  /** When the server started. */
  readonly startedAt: number;
  readonly hasSucceeded: boolean;
  /** Failures in a row that count, since the last success or the last news. */
  readonly failures: number;
  /** Well in a row, after a failure that counts. */
  readonly recoveries: number;
  /** When the first of the failures was looked for. */
  readonly failingSince: number;
}

export interface SeriesRules {
  readonly failures: number;
  /** How many have to be well in a row after a failure that counts; default 1. */
  readonly recoveries?: number;
  readonly startGraceMs: number;
}

export interface Result {
  /** When the look began and ended. */
  readonly beganAt: number;
  readonly at: number;
  /** Null: all is well. */
  readonly error: string | null;
}

export type News =
  | {
      readonly kind: 'failed';
      readonly isFirst: boolean;
      readonly times: number;
      readonly withinMs: number;
      readonly error: string;
    }
  | { readonly kind: 'recovered'; readonly afterMs: number };

/** A series that begins with a start of the server. */
export function seriesSince(startedAt: number, now: number): Series {
  const state = 'starting';
  return {
    state,
    since: now,
    error: null,
    startedAt,
    hasSucceeded: false,
    failures: 0,
    recoveries: 0,
    failingSince: now,
  };
}

export function afterResult(series: Series, rules: SeriesRules, result: Result): { series: Series; news: News | null } {
  const { beganAt, at, error } = result;
  if (error === null) {
    const recoveries = series.recoveries + 1;
    if (series.state === 'failed' && recoveries < (rules.recoveries ?? 1)) {
      return { series: { ...series, hasSucceeded: true, failures: 0, recoveries }, news: null };
    }
    const news: News | null = series.state === 'failed' ? { kind: 'recovered', afterMs: at - series.since } : null;
    return { series: { ...become(series, 'well', at), error, hasSucceeded: true, failures: 0, recoveries: 0 }, news };
  }
  const failed = { ...series, error, recoveries: 0 };
  const isGraced = !series.hasSucceeded && beganAt - series.startedAt < rules.startGraceMs;
  if (isGraced) return { series: failed, news: null };
  const failures = series.failures + 1;
  const failingSince = series.failures === 0 ? beganAt : series.failingSince;
  if (failures < rules.failures) {
    const state = series.state === 'failed' ? 'failed' : 'failing';
    return { series: { ...become(failed, state, at), failures, failingSince }, news: null };
  }
  const isFirst = series.state !== 'failed';
  const news: News = { kind: 'failed', isFirst, times: failures, withinMs: at - failingSince, error };
  return { series: { ...become(failed, 'failed', at), failures: 0 }, news };
}

function become(series: Series, state: CheckState, at: number): Series {
  return series.state === state ? series : { ...series, state, since: at };
}
