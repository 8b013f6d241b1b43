import { getHeapStatistics } from 'node:v8';

/** A thread that has turned no more often than this within the window has nothing to do. */
const CALM_TURNS = 20;
const WINDOW_MS = 5000;
/** To look through a larger heap takes longer than a request may be kept waiting; V8 does it in pieces, when it wants to. */
const LARGEST_HEAP = 32 * 1024 * 1024;

/** Finds the beginning of each lull in what a thread does. Times are milliseconds of any steady clock. */
export class Lull {
  #since: number;
  #turns = 0;
  #noticed = false;

  constructor(now: number) {
    this.#since = now;
  }

  /** The thread has woken up. Returns whether a lull has begun, once for each. */
  turn(now: number): boolean {
    this.#turns++;
    if (now - this.#since < WINDOW_MS) return false;
    const isCalm = this.#turns <= CALM_TURNS;
    this.#turns = 0;
    this.#since = now;
    const begins = isCalm && !this.#noticed;
    this.#noticed = isCalm;
    return begins;
  }

  /** When the thread should wake up to notice that a lull has begun; Infinity: never. */
  get dueAt(): number {
    return this.#noticed ? Infinity : this.#since + WINDOW_MS;
  }
}

/**
 * Gives back what a start or a load has left in this thread's heap. V8 does that by itself where an event loop is idle, which a thread that
 * waits in a call of the C library never is. Does nothing without `--expose-gc`.
 */
export function collectGarbage(): void {
  if (getHeapStatistics().used_heap_size <= LARGEST_HEAP) globalThis.gc?.();
}
