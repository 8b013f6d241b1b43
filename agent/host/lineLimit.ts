import { Bucket } from './bucket.ts';

/** How many lines a log takes of what others can bring about as often as they like: so many at once, and so many per second after that. */
export class LineLimit {
  readonly #bucket: Bucket;
  #leftOut = 0;

  constructor(atOnce: number, perSecond: number, now = performance.now()) {
    this.#bucket = new Bucket(atOnce, perSecond, now);
  }

  /** How many lines were left out since the last one that was written; null: this one is to be left out as well. */
  next(now = performance.now()): number | null {
    if (this.#bucket.left(now) < 1) {
      this.#leftOut += 1;
      return null;
    }
    this.#bucket.take(1, now);
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut;
  }
}

/** What a line says of those that were left out before it; empty: there are none. */
export function leftOutText(lines: number): string {
  return lines === 0 ? '' : ` (${String(lines)} such lines before this one were left out)`;
}
