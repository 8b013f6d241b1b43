/** How often one is ticked of whom nothing is known. */
const tickMs = 50;
/** Everyone is ticked at least this often, so that nothing hangs on a promise of quiet alone. */
const longestQuietMs = 1000;

export interface Ticked {
  readonly tick: () => void;
  /** A tick before this moment of the monotonic clock changes nothing. */
  readonly quietUntil: () => number;
}

export interface Ticks {
  /** The moment may have come forward. */
  look(): void;
  end(): void;
}

const tickedAt = new Map<Ticked, number>();
let timer: NodeJS.Timeout | null = null;
let armedFor = Infinity;

function dueAt(ticked: Ticked, last: number): number {
  return Math.min(Math.max(last + tickMs, ticked.quietUntil()), last + longestQuietMs);
}

function arm(at: number): void {
  if (timer !== null) clearTimeout(timer);
  armedFor = at;
  timer = at === Infinity ? null : setTimeout(turn, Math.max(1, Math.ceil(at - performance.now())));
}

function turn(): void {
  const now = performance.now();
  let next = Infinity;
  // Nobody's tick is put off by what another one's does meanwhile to the time that the timer is set to.
  armedFor = -Infinity;
  for (const [ticked, last] of tickedAt) {
    if (dueAt(ticked, last) <= now) {
      tickedAt.set(ticked, now);
      ticked.tick();
    }
  }
  for (const [ticked, last] of tickedAt) next = Math.min(next, dueAt(ticked, last));
  arm(next);
}

/** Ticks twenty times a second unless there is quiet. All share one timer: it is the wake-ups that cost. */
export function tickWhenDue(ticked: Ticked): Ticks {
  const look = (): void => {
    const last = tickedAt.get(ticked);
    if (last === undefined) return;
    const at = dueAt(ticked, last);
    if (at < armedFor) arm(at);
  };
  tickedAt.set(ticked, performance.now());
  look();
  return {
    look,
    end: () => {
      tickedAt.delete(ticked);
      if (tickedAt.size === 0) arm(Infinity);
    },
  };
}
