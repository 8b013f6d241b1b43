/**
 * Whether a host is to be trusted to be there: `alive`; `suspect`: late, or heard again so lately that it may only be slow; `silent`: nothing
 * of it for longer than it takes to call it failed. Only told to people: what is decided counts heartbeats of its own.
 */
export type Liveness = 'alive' | 'suspect' | 'silent';

export interface SuspicionTimes {
  /** Silent for longer: suspect. */
  readonly suspectMs: number;
  /** Silent for longer: taken for failed. */
  readonly failedMs: number;
  /** Heard for so long without such a silence: alive again. */
  readonly steadyMs: number;
}

/** By the heartbeat, and by the shortest detection time of what may fail over to or from the host. */
export function suspicionTimes(heartbeatMs: number, detectionMs: number): SuspicionTimes {
  const suspectMs = Math.min(3 * heartbeatMs, detectionMs / 2);
  return { suspectMs, failedMs: detectionMs, steadyMs: Math.max(4 * suspectMs, 2000) };
}

/** All times are milliseconds of the monotonic clock. */
export class Suspicion {
  #times: SuspicionTimes;
  #liveness: Liveness = 'silent';
  #heardAt = -Infinity;
  #steadySince = -Infinity;
  /** The longest silence since it was last alive. */
  #longestMs = 0;

  constructor(times: SuspicionTimes) {
    this.#times = times;
  }

  /** From now on by other times. */
  retime(times: SuspicionTimes): void {
    this.#times = times;
  }

  get liveness(): Liveness {
    return this.#liveness;
  }

  get longestMs(): number {
    return this.#longestMs;
  }

  silentMs(now: number): number {
    return now - this.#heardAt;
  }

  heard(now: number): void {
    const silent = now - this.#heardAt;
    // A host that is met for the first time has given no cause for doubt.
    if (this.#heardAt !== -Infinity && silent > this.#times.suspectMs) {
      this.#steadySince = now;
      this.#longestMs = Math.max(this.#longestMs, silent);
    }
    this.#heardAt = now;
  }

  /** For so long nobody listened. */
  excuse(ms: number): void {
    this.#heardAt += ms;
  }

  /** To be asked about once a heartbeat. Returns what it was before when it has changed. */
  look(now: number): Liveness | null {
    const before = this.#liveness;
    const silent = now - this.#heardAt;
    if (silent > this.#times.failedMs) this.#liveness = 'silent';
    else if (silent > this.#times.suspectMs || now - this.#steadySince <= this.#times.steadyMs) {
      this.#liveness = 'suspect';
    } else this.#liveness = 'alive';
    if (silent !== Infinity && this.#liveness !== 'alive') this.#longestMs = Math.max(this.#longestMs, silent);
    return this.#liveness === before ? null : before;
  }

  /** The longest silence is told; from now on it counts anew. */
  forget(): void {
    this.#longestMs = 0;
  }
}
