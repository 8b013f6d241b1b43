/** The least part of its thread's time that a resync gets however busy the guest is: so it always ends. */
export const LEAST_SHARE = 0.1;
/** With so many requests a millisecond the resync gets half of the time. */
const HALF_AT = 0.1;
/** Over how long the guest's requests are counted. */
const WINDOW_MS = 100;
/** Requests are counted over this much of a window at least, even if the resync took nearly all of it. */
const LEAST_REST = 0.2;

/** What one window has shown. */
export interface Seen {
  /** Requests of the guest's. */
  readonly requests: number;
  /** How long the window was, and how long of it the resync worked, milliseconds. */
  readonly ms: number;
  readonly workedMs: number;
}

/**
 * The part of the time that a resync may take for itself beside a guest, from {@link LEAST_SHARE} to 1. What counts is how often the guest asks
 * while the resync leaves it the time to: a guest that waits for each answer before it asks again asks the less the more the resync takes.
 */
export function shareFor({ requests, ms, workedMs }: Seen): number {
  if (requests === 0) return 1;
  const restMs = Math.max(ms - workedMs, ms * LEAST_REST);
  return Math.max(LEAST_SHARE, 1 / (1 + requests / restMs / HALF_AT));
}

/** Yields to the guest: after each step of work it says how long to rest. */
export class Share {
  #value = 1;
  #from: number;
  #requestsBefore = 0;
  #workedMs = 0;
  #dueAt = 0;

  constructor(now: number) {
    this.#from = now;
  }

  get value(): number {
    return this.#value;
  }

  /** When the next step may be made. */
  get dueAt(): number {
    return this.#dueAt;
  }

  /** @param requests of the guest's, all that there ever were */
  worked(ms: number, now: number, requests: number): void {
    this.#workedMs += ms;
    this.#look(now, requests);
    this.#dueAt = now + ms * (1 / this.#value - 1);
  }

  #look(now: number, requests: number): void {
    const ms = now - this.#from;
    if (ms < WINDOW_MS) return;
    this.#value = shareFor({ requests: requests - this.#requestsBefore, ms, workedMs: this.#workedMs });
    this.#from = now;
    this.#requestsBefore = requests;
    this.#workedMs = 0;
  }
}
