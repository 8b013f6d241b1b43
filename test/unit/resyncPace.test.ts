import { describe, expect, it } from 'vitest';
import { Ledger } from '../../agent/mirror/resync/ledger.ts';
import { Pace } from '../../agent/mirror/resync/pace.ts';
import { LEAST_SHARE, shareFor } from '../../agent/mirror/resync/share.ts';

/** How much of `ms` a resync works whose steps take 3 ms, beside a guest that asks `requests` times in between `from` and `to`. */
function workedBeside(pace: Pace, ms: number, requestsUntil: (now: number, worked: number) => number): number {
  let worked = 0;
  for (let now = 0; now < ms;) {
    if (!pace.open(now)) {
      now += 1;
      continue;
    }
    now += 3;
    worked += 3;
    pace.worked(3, now, requestsUntil(now, worked));
  }
  return worked / ms;
}

describe('the share of a resync', () => {
  it('is everything while the guest asks for nothing, and never less than the least', () => {
    expect(shareFor({ requests: 0, ms: 100, workedMs: 100 })).toBe(1);
    expect(shareFor({ requests: 1_000_000, ms: 100, workedMs: 0 })).toBe(LEAST_SHARE);
  });

  it('falls with every request more, and counts what is asked in the time that is left to the guest', () => {
    const shares = [1, 5, 20, 100].map((requests) => shareFor({ requests, ms: 100, workedMs: 50 }));
    expect([...shares].sort((a, b) => b - a)).toEqual(shares);
    expect(new Set(shares).size).toBe(4);
    const seen = { requests: 5, ms: 100 };
    expect(shareFor({ ...seen, workedMs: 60 })).toBeLessThan(shareFor({ ...seen, workedMs: 0 }));
  });
});

describe('the pace of a resync', () => {
  it('is full beside an idle guest when it is adaptive', () => {
    expect(workedBeside(new Pace({ paused: false, bandwidth: 'adaptive' }, 0), 3000, () => 0)).toBeGreaterThan(0.99);
  });

  it('leaves nearly everything to a guest that asks again with every answer, and still goes on', () => {
    // An answer takes a tenth of a millisecond, when the resync does not work.
    const busy = (now: number, worked: number) => Math.floor((now - worked) * 10 + worked / 3);
    const share = workedBeside(new Pace({ paused: false, bandwidth: 'adaptive' }, 0), 3000, busy);
    expect(share).toBeGreaterThanOrEqual(LEAST_SHARE * 0.9);
    expect(share).toBeLessThan(0.2);
  });

  it('takes the better part beside a guest that asks now and then', () => {
    const share = workedBeside(new Pace({ paused: false, bandwidth: 'adaptive' }, 0), 3000, (now) => now / 50);
    expect(share).toBeGreaterThan(0.5);
    expect(share).toBeLessThan(0.95);
  });

  it('takes everything again as soon as the guest is quiet', () => {
    const pace = new Pace({ paused: false, bandwidth: 'adaptive' }, 0);
    const share = workedBeside(pace, 4000, (now) => Math.min(now, 1000) * 10);
    expect(share).toBeGreaterThan(0.7);
  });

  it('stands still while it is paused, whatever its bandwidth', () => {
    const pace = new Pace({ paused: true, bandwidth: null }, 0);
    expect([pace.open(0), pace.open(1e6), pace.restMs(0)]).toEqual([false, false, null]);
    pace.set({ paused: false, bandwidth: null }, 1e6);
    expect(pace.open(1e6)).toBe(true);
  });

  it('keeps to a rate, and to another one from when that is said', () => {
    const pace = new Pace({ paused: false, bandwidth: 1000 }, 0);
    const sentIn = (from: number, to: number) => {
      let sent = 0;
      for (let now = from; now < to; now += 10) {
        if (!pace.open(now)) continue;
        pace.spend(100);
        sent += 100;
      }
      return sent;
    };
    expect(sentIn(0, 10_000)).toBeLessThanOrEqual(10_200);
    pace.set({ paused: false, bandwidth: 5000 }, 10_000);
    const sent = sentIn(10_000, 20_000);
    expect(sent).toBeGreaterThan(45_000);
    expect(sent).toBeLessThanOrEqual(50_600);
  });
});

describe('the ledger of a resync', () => {
  it('tells rates of the last seconds, and from them the time that is left', () => {
    const ledger = new Ledger('full', 'beta holds no data', 0);
    ledger.toCheck = 1000;
    expect(ledger.progress(100)).toMatchObject({ rate: 0, sentRate: 0, secondsLeft: null });
    let last = ledger.progress(200);
    for (let now = 250; now <= 10_000; now += 250) {
      // Fast at first, then ten bytes a second.
      ledger.checked += now <= 1000 ? 100 : 2.5;
      ledger.sent += 1;
      last = ledger.progress(now);
    }
    expect(last).toMatchObject({ checked: 490, rate: 10, sentRate: 4, secondsLeft: 51 });
  });

  it('knows no time left while nothing goes on', () => {
    const ledger = new Ledger('delta', 'beta was away since epoch 3', 0);
    ledger.toCheck = 1000;
    ledger.checked = 500;
    ledger.progress(1000);
    let last = ledger.progress(1000);
    for (let now = 1250; now <= 8000; now += 250) last = ledger.progress(now);
    expect(last).toMatchObject({ rate: 0, secondsLeft: null });
  });
});
