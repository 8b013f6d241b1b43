const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** A time of every day, or of one day of every week. */
export interface Schedule {
  /** 0: Sunday; null: every day. */
  readonly day: number | null;
  readonly hour: number;
  readonly minute: number;
}

/** "daily 03:00" or "Sunday 03:00"; null for anything else. */
export function parseSchedule(text: string): Schedule | null {
  const match = /^([A-Z][a-z]+|daily) ([01][0-9]|2[0-3]):([0-5][0-9])$/.exec(text);
  if (match === null) return null;
  const [, word = '', hour, minute] = match;
  const day = word === 'daily' ? null : days.indexOf(word);
  return day === -1 ? null : { day, hour: Number(hour), minute: Number(minute) };
}

/** A part of every day, or of one day of every week. */
export interface Window {
  readonly from: Schedule;
  readonly untilHour: number;
  readonly untilMinute: number;
}

/** "daily 22:00-04:00" or "Sunday 02:00-05:00"; null for anything else, such as a window that is never open. */
export function parseWindow(text: string): Window | null {
  const match = /^(.+)-([01][0-9]|2[0-3]):([0-5][0-9])$/.exec(text);
  if (match === null) return null;
  const [untilHour, untilMinute] = [Number(match[2]), Number(match[3])];
  const from = parseSchedule(match[1] ?? '');
  if (from === null || (from.hour === untilHour && from.minute === untilMinute)) return null;
  return { from, untilHour, untilMinute };
}

/** Whether a window is open, by the clock on this host's wall. */
export function isOpen({ from, untilHour, untilMinute }: Window, now: Date): boolean {
  const begun = lastTime(from, now);
  const isNextDay = untilHour * 60 + untilMinute < from.hour * 60 + from.minute;
  const [year, month, day] = [begun.getFullYear(), begun.getMonth(), begun.getDate() + (isNextDay ? 1 : 0)];
  return now < new Date(year, month, day, untilHour, untilMinute);
}

/** The last time of a schedule that is not after `now`, by the clock on this host's wall. */
export function lastTime(schedule: Schedule, now: Date): Date {
  return timeAround(schedule, now, (time) => time <= now, -1);
}

/** The first one after `now`. */
export function nextTime(schedule: Schedule, now: Date): Date {
  return timeAround(schedule, now, (time) => time > now, 1);
}

function timeAround({ day, hour, minute }: Schedule, now: Date, fits: (time: Date) => boolean, step: 1 | -1): Date {
  for (let days = 0; ; days += step) {
    // Made of its parts: a day of the wall's clock may have 23 or 25 hours.
    const time = new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour, minute);
    if ((day === null || time.getDay() === day) && fits(time)) return time;
  }
}
