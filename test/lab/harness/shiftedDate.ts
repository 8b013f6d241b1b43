/** Inside each host: how far its clock on the wall is ahead of the machine's, milliseconds. It outlives a loss of power, as such a clock does. */
export const wallClockFile = '/etc/lab-wall-clock';

/** How old what was read of the file may be, milliseconds of the monotonic clock. */
const readEveryMs = 100;

/**
 * How far the clock is ahead, by what `read` returns. What cannot be read changes nothing.
 * @param monotonicMs a clock that nobody sets
 */
export function aheadBy(read: () => string, monotonicMs: () => number): () => number {
  let aheadMs = 0;
  let readAt = -Infinity;
  return () => {
    const now = monotonicMs();
    if (now - readAt < readEveryMs) return aheadMs;
    readAt = now;
    try {
      const told = Number(read());
      if (Number.isFinite(told)) aheadMs = told;
    } catch {
      // Not there, as on a host that was replaced.
    }
    return aheadMs;
  };
}

/** A Date to whom it is later by so much. Everything that is made from a moment that was given stays as it is. */
export function shiftedDate(date: DateConstructor, aheadMs: () => number): DateConstructor {
  const now = (): number => date.now() + Math.round(aheadMs());
  return new Proxy(date, {
    get: (target, key, receiver) => (key === 'now' ? now : (Reflect.get(target, key, receiver) as unknown)),
    construct: (target, args: unknown[], called) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, called) as object,
    // Without new it is the present as text, whatever it is given.
    apply: (target) => new target(now()).toString(),
  });
}
