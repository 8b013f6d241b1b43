import { describe, expect, it } from 'vitest';
import { afterResult, type News, type Series, seriesSince } from '../../../agent/checks/series.ts';

const rules = { failures: 3, startGraceMs: 60_000 };

/** Plays results, one every ten seconds, each of which takes a second: `x` failed, `.` well. */
function play(results: string, from = 0, series: Series = seriesSince(0, 0)): { series: Series; news: News[] } {
  const news: News[] = [];
  let now = from;
  for (const result of results) {
    const step = afterResult(series, rules, { beganAt: now, at: now + 1000, error: result === 'x' ? 'refused' : null });
    series = step.series;
    if (step.news) news.push(step.news);
    now += 10_000;
  }
  return { series, news };
}

describe('results of a check', () => {
  it('count as failed after so many in a row, and not before', () => {
    expect(play('.xx.xx.xx').news).toEqual([]);
    expect(play('.xx').series).toMatchObject({ state: 'failing', since: 11_000, error: 'refused' });
    const { series, news } = play('.xxx');
    expect(series).toMatchObject({ state: 'failed', since: 31_000 });
    // From the first look that failed to the end of the last one.
    expect(news).toEqual([{ kind: 'failed', isFirst: true, times: 3, withinMs: 21_000, error: 'refused' }]);
  });

  it('say again that it has failed after as many more, and once when it is well again', () => {
    const { news, series } = play('.xxxxxxxx.x');
    expect(news).toMatchObject([
      { kind: 'failed', isFirst: true },
      { kind: 'failed', isFirst: false },
      { kind: 'recovered', afterMs: 60_000 },
    ]);
    expect(series).toMatchObject({ state: 'failing' });
    expect(play('.xxxx').series).toMatchObject({ state: 'failed', since: 31_000 });
  });

  it('do not count after a start until one was well or the time has passed', () => {
    expect(play('xxxxxx')).toMatchObject({ series: { state: 'starting', error: 'refused' }, news: [] });
    // The seventh look begins when the time is over.
    expect(play('xxxxxxxx').news).toEqual([]);
    expect(play('xxxxxxxxx').news).toMatchObject([{ times: 3, withinMs: 21_000 }]);
    expect(play('x.xxx').news).toMatchObject([{ kind: 'failed' }]);
    // A server that was started long ago has no such time left.
    expect(play('xxx', 70_000, seriesSince(0, 70_000)).news).toMatchObject([{ kind: 'failed' }]);
  });

  it('need several successes in a row to recover when that is asked for', () => {
    let series = seriesSince(0, 0);
    const states = [...'.xxx..x...'].map((result, index) => {
      const [beganAt, error] = [index * 10_000, result === 'x' ? 'refused' : null];
      series = afterResult(series, { ...rules, recoveries: 3 }, { beganAt, at: beganAt, error }).series;
      return series.state;
    });
    const failed = Array.from({ length: 6 }, () => 'failed');
    expect(states).toEqual(['well', 'failing', 'failing', ...failed, 'well']);
  });

  it('are well at once with the first success', () => {
    expect(play('.').series).toMatchObject({ state: 'well', since: 1000, error: null });
    expect(play('....').series.since).toBe(1000);
  });
});
