import { describe, expect, it } from 'vitest';
import { Lull } from '../../agent/platform/lull.ts';

describe('a lull in what a thread does', () => {
  it('is noticed once, after some seconds with next to nothing, and again after the next load', () => {
    const lull = new Lull(0);
    const noticed: number[] = [];
    const turn = (now: number) => {
      if (lull.turn(now)) noticed.push(now);
    };
    for (let now = 1000; now <= 30_000; now += 1000) turn(now);
    expect(noticed).toEqual([5000]);
    expect(lull.dueAt).toBe(Infinity);
    for (let now = 30_000; now < 60_000; now += 10) turn(now);
    expect(noticed).toEqual([5000]);
    // Nothing comes any more: the thread has to wake up for it by itself.
    while (lull.dueAt !== Infinity) turn(lull.dueAt);
    expect(noticed.length).toBe(2);
    expect(noticed[1]).toBeLessThan(75_000);
  });
});
