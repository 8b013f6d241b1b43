import { expect, it } from 'vitest';
import { FailoverNews } from '../../../extension/model/failoverNews.ts';
import type { FailoverReport } from '../../../schemas/generated/api.ts';
import { moduleStatus } from '../../support/memoryFacade.ts';

const report = (epoch: number, kind: FailoverReport['kind'] = 'failover'): FailoverReport => ({
  ...{
    kind,
    at: '2026-11-22T12:00:00.000Z',
    from: 'alpha',
    to: 'beta',
    cause: 'alpha failed',
    durationMs: 3000,
    epoch,
  },
});

it('tells once of a failover that happens after the first look', () => {
  const news = new FailoverNews();
  expect(news.of('site/web', moduleStatus('web', { epoch: 7 }))).toBeNull();
  const after = moduleStatus('web', { epoch: 9, lastFailover: report(8) });
  expect(news.of('site/web', after)).toEqual(report(8));
  expect(news.of('site/web', after)).toBeNull();
  expect(news.of('other/web', after)).toBeNull();
});

it('does not tell again of one that an agent had forgotten and another one still knows', () => {
  const news = new FailoverNews();
  expect(news.of('site/web', moduleStatus('web', { epoch: 8, lastFailover: report(8) }))).toBeNull();
  expect(news.of('site/web', moduleStatus('web', { epoch: 8 }))).toBeNull();
  expect(news.of('site/web', moduleStatus('web', { epoch: 8, lastFailover: report(8) }))).toBeNull();
  // Nor when it is known for the first time from the second host that was asked.
  expect(news.of('site/db', moduleStatus('db', { epoch: 8 }))).toBeNull();
  expect(news.of('site/db', moduleStatus('db', { epoch: 8, lastFailover: report(8) }))).toBeNull();
  expect(news.of('site/db', moduleStatus('db', { epoch: 10, lastFailover: report(10) }))).toEqual(report(10));
});

it('does not tell of planned moves', () => {
  const news = new FailoverNews();
  news.of('site/web', moduleStatus('web', { epoch: 7 }));
  expect(news.of('site/web', moduleStatus('web', { epoch: 8, lastFailover: report(8, 'switchover') }))).toBeNull();
});
