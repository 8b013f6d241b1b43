/** So much at once, and so much per second after that. What was taken beyond it is a debt to be waited for. */
export class Bucket {
  readonly #capacity: number;
  readonly #perSecond: number;
  #left: number;
  #at: number;

  /** @param now monotonic milliseconds, as in all that is asked of it */
  constructor(capacity: number, perSecond: number, now: number) {
    this.#capacity = capacity;
    this.#perSecond = perSecond;
    this.#left = capacity;
    this.#at = now;
  }

  /** Takes it in any case. Returns for how long nothing more should be taken, milliseconds; 0: there is some left. */
  take(amount: number, now: number): number {
    this.#left = this.left(now) - amount;
    this.#at = now;
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left / this.#perSecond) * 1000);
  }

  left(now: number): number {
    return Math.min(this.#capacity, this.#left + ((now - this.#at) / 1000) * this.#perSecond);
  }
}
