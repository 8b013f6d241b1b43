import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { tickWhenDue, type Ticks } from '../../agent/runtime/ticker.ts';

describe('ticks', () => {
  const open: Ticks[] = [];
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    for (const each of open.splice(0)) each.end();
    vi.useRealTimers();
  });

  function ticked(quietUntil: () => number): { ticks: Ticks; at: number[] } {
    const at: number[] = [];
    const ticks = tickWhenDue({ tick: () => at.push(performance.now()), quietUntil });
    open.push(ticks);
    return { ticks, at };
  }

  it('come twenty times a second where nothing is promised', () => {
    const { at } = ticked(() => -Infinity);
    vi.advanceTimersByTime(1000);
    expect(at.length).toBeGreaterThanOrEqual(18);
  });

  it('come at the end of a quiet, and once a second whatever is promised', () => {
    const start = performance.now();
    const some = ticked(() => start + 700);
    const never = ticked(() => Infinity);
    vi.advanceTimersByTime(699);
    expect(some.at).toEqual([]);
    vi.advanceTimersByTime(10);
    expect(some.at.length).toBe(1);
    vi.advanceTimersByTime(2400);
    expect(never.at.length).toBe(3);
  });

  it('come at once when a quiet turns out shorter, also in the middle of another one’s tick', () => {
    let until = Infinity;
    const first = ticked(() => until);
    vi.advanceTimersByTime(500);
    until = -Infinity;
    first.ticks.look();
    vi.advanceTimersByTime(2);
    expect(first.at.length).toBe(1);

    let later = Infinity;
    const second = ticked(() => later);
    const waker = tickWhenDue({
      tick: () => {
        later = -Infinity;
        second.ticks.look();
      },
      quietUntil: () => -Infinity,
    });
    open.push(waker);
    vi.advanceTimersByTime(110);
    expect(second.at.length).toBeGreaterThanOrEqual(1);
  });

  it('end', () => {
    const { ticks, at } = ticked(() => -Infinity);
    ticks.end();
    vi.advanceTimersByTime(500);
    expect(at).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
