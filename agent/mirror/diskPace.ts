/** A disk that let a thread wait for longer than this is not waited for again for a while, milliseconds. */
const SLOW_MS = 0.5;
const LEFT_ALONE_MS = 1000;

/**
 * Whether a thread that has nothing else to do may wait for the disk itself. With a fast disk that takes less than having the kernel do it
 * beside, and being woken up for the result.
 */
export class DiskPace {
  #leftAloneUntil = 0;

  /** Waits for the disk by `action` unless it was slow a moment ago. Returns whether it did. */
  try(action: () => void): boolean {
    const start = performance.now();
    if (start < this.#leftAloneUntil) return false;
    action();
    const end = performance.now();
    if (end - start > SLOW_MS) this.#leftAloneUntil = end + LEFT_ALONE_MS;
    return true;
  }
}
