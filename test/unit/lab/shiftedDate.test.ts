import { describe, expect, it } from 'vitest';
import { aheadBy, shiftedDate } from '../../lab/harness/shiftedDate.ts';

const hourMs = 3_600_000;

describe("the clock on a lab host's wall", () => {
  it('is ahead by what its file tells, which is read ten times a second at most', () => {
    let [now, file, reads] = [0, '5', 0];
    const ahead = aheadBy(
      () => {
        reads += 1;
        if (file === '') throw new Error('ENOENT');
        return `${file}\n`;
      },
      () => now,
    );
    expect([ahead(), ahead()]).toEqual([5, 5]);
    file = '-7';
    now = 99;
    expect([ahead(), reads]).toEqual([5, 1]);
    now = 100;
    expect([ahead(), reads]).toEqual([-7, 2]);
    file = '';
    now = 200;
    expect([ahead(), reads]).toEqual([-7, 3]);
  });

  it('is what a program sees of the present, and changes no other moment', () => {
    let aheadMs = -30 * hourMs;
    const Shifted = shiftedDate(Date, () => aheadMs);
    const isNow = (ms: number): boolean => Math.abs(ms - (Date.now() + aheadMs)) < 5000;
    for (aheadMs of [-30 * hourMs, 0, 5 * hourMs]) {
      expect(isNow(Shifted.now())).toBe(true);
      expect(isNow(new Shifted().getTime())).toBe(true);
      expect(isNow(Shifted.parse(Shifted()))).toBe(true);
      expect(isNow(Shifted.parse(new Shifted().toISOString()))).toBe(true);
    }
    expect(new Shifted(0).toISOString()).toBe('1970-01-01T00:00:00.000Z');
    expect(new Shifted('2026-01-02T03:04:05Z').getTime()).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(new Shifted(2026, 0, 2)).toEqual(new Date(2026, 0, 2));
    expect(Shifted.UTC(2026)).toBe(Date.UTC(2026));
    expect(new Shifted()).toBeInstanceOf(Date);
    expect(new Date()).toBeInstanceOf(Shifted);
    class Moment extends Shifted {}
    expect(new Moment()).toBeInstanceOf(Moment);
  });
});
