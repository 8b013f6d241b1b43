import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventLog } from '../../agent/runtime/eventLog.ts';
import { ScheduleFile, VerifySchedule } from '../../agent/runtime/verifySchedule.ts';
import type { LastVerify } from '../../schemas/generated/api.ts';
import {
  isOpen,
  lastTime,
  nextTime,
  parseSchedule,
  parseWindow,
  type Schedule,
  type Window,
} from '../../schemas/schedule.ts';

/** A Wednesday. */
const now = new Date(2026, 6, 15, 12, 0);
const parsed = (text: string) => parseSchedule(text) as Schedule;

describe('a schedule', () => {
  it.each([
    ['daily 03:00', new Date(2026, 6, 15, 3, 0), new Date(2026, 6, 16, 3, 0)],
    ['daily 12:00', new Date(2026, 6, 15, 12, 0), new Date(2026, 6, 16, 12, 0)],
    ['daily 23:59', new Date(2026, 6, 14, 23, 59), new Date(2026, 6, 15, 23, 59)],
    ['Sunday 03:30', new Date(2026, 6, 12, 3, 30), new Date(2026, 6, 19, 3, 30)],
    ['Wednesday 11:00', new Date(2026, 6, 15, 11, 0), new Date(2026, 6, 22, 11, 0)],
    ['Wednesday 13:00', new Date(2026, 6, 8, 13, 0), new Date(2026, 6, 15, 13, 0)],
  ])('%s has a time before and a time after', (text, before, after) => {
    expect(lastTime(parsed(text), now)).toEqual(before);
    expect(nextTime(parsed(text), now)).toEqual(after);
  });

  it.each(['off', 'Sun 03:00', 'sunday 03:00', 'daily 24:00', 'daily 3:00', 'daily', 'Sunday 03:00 '])(
    'is not "%s"',
    (text) => expect(parseSchedule(text)).toBeNull(),
  );
});

describe('a window', () => {
  const sunday = (hour: number, minute = 0) => new Date(2026, 6, 12, hour, minute);
  it.each([
    ['Sunday 02:00-05:00', sunday(2), sunday(4, 59), [sunday(1, 59), sunday(5), now]],
    ['Sunday 22:00-04:00', sunday(22), new Date(2026, 6, 13, 3, 59), [sunday(3), new Date(2026, 6, 13, 4, 0)]],
    ['daily 22:00-04:00', sunday(3, 59), sunday(23), [sunday(4), sunday(21, 59)]],
  ])('%s is open from its beginning until before its end', (text, first, last, shut) => {
    const window = parseWindow(text) as Window;
    expect([first, last].map((time) => isOpen(window, time))).toEqual([true, true]);
    expect(shut.filter((time) => isOpen(window, time))).toEqual([]);
  });

  it.each(['always', 'daily 02:00', 'daily 02:00-02:00', 'Sunday 02:00-24:00', 'sunday 02:00-03:00'])(
    'is not "%s"',
    (text) => expect(parseWindow(text)).toBeNull(),
  );
});

let directory: string;
let log: EventLog;
let begun: number;
let isWhole: boolean;
let last: (LastVerify | null)[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'us-schedule-'));
  log = new EventLog(join(directory, 'events.log'), 'alpha', 'error');
  begun = 0;
  isWhole = true;
  last = [null, null];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function open(at: Date, schedule = 'daily 03:00'): VerifySchedule {
  const verified = {
    canBegin: () => isWhole,
    begin: () => {
      begun++;
      return Promise.resolve(null);
    },
    last: () => last,
  };
  return new VerifySchedule({ module: 'web', schedule, file: new ScheduleFile(directory), log, verified, now: at });
}

const verified = (at: Date, outcome: LastVerify['outcome'] = 'complete'): LastVerify => ({
  ...{ at: at.toISOString(), host: 'alpha', by: 'the schedule', outcome, reason: null, names: 1, checked: 1 },
  ...{ durationMs: 1, total: 0, differences: [] },
});
const missed = () => log.read({ limit: 100 }).filter(({ code }) => code === 'VERIFY_DUE');

describe('a module with a schedule', () => {
  const tomorrow = new Date(2026, 6, 16, 3, 0, 10);

  it('is verified when its time has come, and not for times before it had one', () => {
    const schedule = open(now);
    schedule.look(now);
    expect(begun).toBe(0);
    expect(schedule.status).toEqual({ next: new Date(2026, 6, 16, 3, 0).toISOString(), dueSince: null });
    schedule.look(tomorrow);
    expect(begun).toBe(1);
    last[0] = verified(new Date(2026, 6, 16, 3, 5));
    schedule.look(new Date(2026, 6, 16, 23, 0));
    expect(begun).toBe(1);
    expect(schedule.status?.dueSince).toBeNull();
  });

  it('is verified once, whichever host has done it', () => {
    const schedule = open(now);
    last[1] = verified(new Date(2026, 6, 16, 3, 5));
    schedule.look(new Date(2026, 6, 16, 4, 0));
    expect(begun).toBe(0);
  });

  it('without a secondary says once what is due, and makes up for it when there is one, also after a restart of the agent', () => {
    isWhole = false;
    const schedule = open(now);
    expect(schedule.look(tomorrow)).toBe(true);
    schedule.look(new Date(2026, 6, 16, 3, 1));
    expect(begun).toBe(0);
    expect(missed()).toHaveLength(1);
    expect(schedule.status?.dueSince).toBe(new Date(2026, 6, 16, 3, 0).toISOString());
    isWhole = true;
    const later = new Date(2026, 6, 16, 15, 0);
    const restarted = open(later);
    restarted.look(later);
    expect(begun).toBe(1);
  });

  it('begins one that did not come to its end again, after a while; not one that somebody stopped', () => {
    const schedule = open(now);
    schedule.look(tomorrow);
    last[0] = verified(new Date(2026, 6, 16, 3, 1), 'incomplete');
    schedule.look(new Date(2026, 6, 16, 3, 2));
    expect(begun).toBe(1);
    schedule.look(new Date(2026, 6, 16, 3, 12));
    expect(begun).toBe(2);
    last[0] = verified(new Date(2026, 6, 16, 3, 13), 'stopped');
    schedule.look(new Date(2026, 6, 16, 4, 0));
    expect(begun).toBe(2);
  });

  it('begins to count anew when its schedule is another one, and never when it is off', () => {
    open(now);
    const schedule = open(tomorrow, 'daily 02:00');
    schedule.look(tomorrow);
    expect(begun).toBe(0);
    const off = open(tomorrow, 'off');
    expect(off.look(new Date(2026, 8, 1))).toBe(false);
    expect([begun, off.status]).toEqual([0, null]);
  });
});
