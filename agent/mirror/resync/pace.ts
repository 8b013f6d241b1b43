import type { ResyncPace } from '../mirror.ts';
import { RateLimit } from './ledger.ts';
import { Share } from './share.ts';

/** How often it is looked whether a fixed rate has room again. */
const LIMITED_MS = 50;
/** A shorter rest than the kernel's timers tell apart is none. */
const SHORTEST_REST_MS = 0.5;

/** How fast a resync may go; can be changed while it goes. */
export class Pace {
  #pace: ResyncPace;
  #limit: RateLimit | null = null;
  #share: Share | null = null;

  constructor(pace: ResyncPace, now: number) {
    this.#pace = pace;
    this.set(pace, now);
  }

  set(pace: ResyncPace, now: number): void {
    const isSame = pace.bandwidth === this.#pace.bandwidth && (this.#limit !== null || this.#share !== null);
    this.#pace = pace;
    if (isSame) return;
    this.#limit = new RateLimit(pace.bandwidth === 'adaptive' ? null : pace.bandwidth, now);
    this.#share = pace.bandwidth === 'adaptive' ? new Share(now) : null;
  }

  get paused(): boolean {
    return this.#pace.paused;
  }

  /** Whether a step may be made now. */
  open(now: number): boolean {
    if (this.#pace.paused || (this.#share !== null && this.#share.dueAt - now >= SHORTEST_REST_MS)) return false;
    return this.#limit?.open(now) ?? true;
  }

  /** For how long after `now` it stays closed by itself; null: it does not wait for time to pass. */
  restMs(now: number): number | null {
    if (this.#pace.paused) return null;
    if (this.#share !== null) return this.open(now) ? null : this.#share.dueAt - now;
    return this.#pace.bandwidth === null ? null : LIMITED_MS;
  }

  spend(bytes: number): void {
    this.#limit?.spend(bytes);
  }

  /** A step was made. @param requests of the guest's, all that there ever were */
  worked(ms: number, now: number, requests: number): void {
    this.#share?.worked(ms, now, requests);
  }
}
