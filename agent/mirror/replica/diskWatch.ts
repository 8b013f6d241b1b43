import { DiskWaits } from '../link/diskWaits.ts';

/** How often it is looked. */
const EVERY_MS = 1000;

/** Finds a disk that answers no more: a wait for it that goes on and on. Looked at by the main thread, which waits for no disk of the guest's. */
export class DiskWatch {
  readonly #waits: DiskWaits;
  #limitMs: number;
  /** The limit while a silence that was told of goes on. */
  #toldMs = Infinity;
  readonly #clock: () => number;
  readonly #tell: (silentMs: number | null) => void;
  #seen: Int32Array;
  /** Since when each place has been seen as it is. */
  readonly #since: Float64Array;
  #checkedAt: number;
  #isSilent = false;

  /**
   * @param clock monotonic, milliseconds
   * @param tell called with how long the disk has not answered when that is too long, and with null when it answers again
   */
  constructor(waits: DiskWaits, limitMs: number, clock: () => number, tell: (silentMs: number | null) => void) {
    this.#waits = waits;
    this.#limitMs = limitMs;
    this.#clock = clock;
    this.#tell = tell;
    this.#seen = waits.look();
    this.#checkedAt = clock();
    this.#since = new Float64Array(this.#seen.length).fill(this.#checkedAt);
  }

  /** Holds for what is waited for already, too. A silence that was told of ends with the disk's answer, whatever the limit has become. */
  changeLimit(limitMs: number): void {
    this.#limitMs = limitMs;
  }

  /** Call it at least every second; it looks when that is due. */
  check(): void {
    const now = this.#clock();
    const passed = now - this.#checkedAt;
    if (passed < EVERY_MS - EVERY_MS / 20) return;
    this.#checkedAt = now;
    // This process itself was stopped or starved, and its other threads with it.
    const stalled = passed > 2 * EVERY_MS;
    const places = this.#waits.look();
    const limitMs = Math.min(this.#limitMs, this.#toldMs);
    let silentMs: number | null = null;
    for (let place = 0; place < places.length; place++) {
      const isSame = places[place] === this.#seen[place];
      const waits = ((places[place] ?? 0) & 1) === 1;
      if (!isSame || !waits || (stalled && !this.#isSilent)) this.#since[place] = now;
      const forMs = now - (this.#since[place] ?? now);
      if (forMs > limitMs * DiskWaits.limitFactor(place)) silentMs = Math.max(silentMs ?? 0, forMs);
    }
    this.#seen = places;
    if ((silentMs !== null) === this.#isSilent) return;
    this.#isSilent = silentMs !== null;
    this.#toldMs = this.#isSilent ? limitMs : Infinity;
    this.#tell(silentMs);
  }

  /** Nobody waits for this disk any more. */
  end(): void {
    if (!this.#isSilent) return;
    this.#isSilent = false;
    this.#tell(null);
  }
}
