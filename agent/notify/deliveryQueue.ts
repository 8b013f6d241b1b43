import { sendError } from './sendError.ts';

/** What waits while a receiver is away; of more the oldest go. */
const longestQueue = 1000;
const firstRetryMs = 1000;
const longestRetryMs = 300_000;

/** The receiver will not take this one, however often it is sent. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

export interface DeliveryOptions<T> {
  /** Rejects when it may be tried again, with {@link RefusedError} when not. */
  readonly deliver: (item: T) => Promise<void>;
  /** Null: it works again. `lost`: how many were given up since it worked last. */
  readonly onTrouble: (reason: string | null, lost: number) => void;
}

/** Delivers one item after the other, in their order, again and again at growing intervals, and forgets the oldest when too many wait. */
export class DeliveryQueue<T> {
  readonly #options: DeliveryOptions<T>;
  readonly #waiting: T[] = [];
  #isBusy = false;
  #isClosed = false;
  #lost = 0;
  #isInTrouble = false;
  #retryMs = firstRetryMs;
  #timer: NodeJS.Timeout | null = null;
  readonly #idle: (() => void)[] = [];

  constructor(options: DeliveryOptions<T>) {
    this.#options = options;
  }

  add(item: T): void {
    if (this.#isClosed) return;
    this.#waiting.push(item);
    if (this.#waiting.length > longestQueue) {
      // The first one is under way: it may arrive yet.
      this.#waiting.splice(1, 1);
      this.#lost += 1;
    }
    void this.#work();
  }

  /** Resolves when nothing waits any more, or what waits cannot be delivered now. */
  delivered(): Promise<void> {
    if (!this.#isBusy) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  async #work(): Promise<void> {
    if (this.#isBusy || this.#timer) return;
    this.#isBusy = true;
    for (let [item] = this.#waiting; item !== undefined; [item] = this.#waiting) {
      try {
        await this.#options.deliver(item);
        this.#waiting.shift();
        // A receiver that takes one and not the next is not well yet.
        if (this.#waiting.length === 0) this.#settled();
      } catch (error) {
        if (this.#isClosed) break;
        const reason = sendError(error);
        if (error instanceof RefusedError) {
          this.#waiting.shift();
          this.#lost += 1;
          this.#trouble(reason);
          continue;
        }
        this.#trouble(reason);
        this.#timer = setTimeout(() => {
          this.#timer = null;
          void this.#work();
        }, this.#retryMs);
        this.#timer.unref();
        this.#retryMs = Math.min(2 * this.#retryMs, longestRetryMs);
        break;
      }
    }
    this.#isBusy = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #settled(): void {
    this.#retryMs = firstRetryMs;
    if (!this.#isInTrouble) return;
    this.#isInTrouble = false;
    this.#options.onTrouble(null, this.#lost);
    this.#lost = 0;
  }

  /** Told once: what is told becomes an event itself. */
  #trouble(reason: string): void {
    if (this.#isInTrouble) return;
    this.#isInTrouble = true;
    this.#options.onTrouble(reason, this.#lost);
  }
}
