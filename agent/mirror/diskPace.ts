/** A disk that lets a thread wait for longer than this, on the average, is not waited for for a while, milliseconds. */
const SLOW_MS = 0.5;
const LEFT_ALONE_MS = 1000;
/** What one wait counts for in the average. So one of 3 ms among fast ones changes nothing, and one of 5 ms is enough. */
const SHARE = 1 / 8;

/**
 * Whether a thread that has nothing else to do may wait for the disk itself. With a fast disk that takes less than having the kernel do it
 * beside, and being woken up for the result.
 */
export class DiskPace {
  #leftAloneUntil = 0;
  #averageMs = 0;
  readonly #clock: () => number;

  /** @param clock any steady one, milliseconds */
  constructor(clock = () => performance.now()) {
    this.#clock = clock;
  }

  /** Waits for the disk by `action` unless it was slow a moment ago. Returns whether it did. */
  try(action: () => void): boolean {
    const start = this.#clock();
    if (start < this.#leftAloneUntil) return false;
    action();
    const end = this.#clock();
    this.#averageMs += (end - start - this.#averageMs) * SHARE;
    if (this.#averageMs > SLOW_MS) {
      this.#leftAloneUntil = end + LEFT_ALONE_MS;
      // The next one decides anew.
      this.#averageMs = SLOW_MS / 2;
    }
    return true;
  }
}
