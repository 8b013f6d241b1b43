import { describe, expect, it } from 'vitest';
import { HostNews } from '../../agent/host/hostNews.ts';
import type { LinkModule } from '../../schemas/generated/link.ts';

const moduleOf = (restarts: number): LinkModule =>
  ({ status: { role: 'primary' }, shown: { restarts }, lastFailover: null, lastResync: null }) as unknown as LinkModule;

const version = { number: 0, hash: '', files: {}, edited: [], problem: null };

describe('news between two hosts', () => {
  it('writes down what is told only when a module is another one, or there are others', () => {
    const news = new HostNews();
    const web = moduleOf(0);
    const first = news.textOf({ web }, version);
    expect(JSON.parse(first)).toEqual([{ web }, version]);
    expect(news.textOf({ web }, version)).toBe(first);
    expect(news.textOf({ web }, { ...version, number: 1 })).not.toBe(first);
    expect(JSON.parse(news.textOf({ web: moduleOf(1) }, version))).toEqual([{ web: moduleOf(1) }, version]);
    expect(JSON.parse(news.textOf({ web, db: web }, version))).toEqual([{ web, db: web }, version]);
    expect(JSON.parse(news.textOf({}, version))).toEqual([{}, version]);
  });

  it('takes what two networks bring for the same', () => {
    const news = new HostNews();
    const lan = news.heard({ web: moduleOf(0) });
    expect(news.heard({ web: moduleOf(0) })).toBe(lan);
    expect(news.heard({ web: moduleOf(1) })).toEqual({ web: moduleOf(1) });
    expect(news.heardVersion({ ...version })).toBe(news.heardVersion({ ...version }));
    expect(news.heardVersion({ ...version, number: 2 })).toMatchObject({ number: 2 });
  });

  const hear = (news: HostNews, sequence: number): boolean => {
    const isNewest = news.isNewest(sequence);
    news.delivered(sequence);
    return isNewest;
  };

  it('counts a heartbeat and its answer once, over whichever network they come first', () => {
    const news = new HostNews();
    expect([1, 1, 2, 2].map((sequence) => hear(news, sequence))).toEqual([true, false, true, false]);
    // What did not reach everybody is tried again with what another network brings.
    expect([news.isNewest(3), news.isNewest(3)]).toEqual([true, true]);
    expect([10, 10, 20, 10].map((sentAt) => news.isAnswered(sentAt))).toEqual([true, false, true, false]);
  });

  it('takes no word that a slow network brings after newer ones, until every connection is gone', () => {
    const news = new HostNews();
    expect([7, 5, 8, 6, 7].map((sequence) => hear(news, sequence))).toEqual([true, false, true, false, false]);
    // The machine was started anew.
    news.forgetSequence();
    expect([1, 1, 2].map((sequence) => hear(news, sequence))).toEqual([true, false, true]);
  });

  it('takes lower numbers for news from an agent that was started anew, and nothing of the one before', () => {
    const news = new HostNews();
    news.greeted('first');
    expect([7, 8].map((sequence) => hear(news, sequence))).toEqual([true, true]);
    // Over another network.
    news.greeted('first');
    expect(hear(news, 8)).toBe(false);
    news.greeted('second');
    expect([1, 2].map((sequence) => hear(news, sequence))).toEqual([true, true]);
    expect([news.isOfNow('first'), news.isOfNow('second')]).toEqual([false, true]);
  });
});
