import { Link, monotonicMs, type SharedState } from '../link/sharedState.ts';

/**
 * Bounds every wait for the peer: when frames are due and neither an acknowledgement nor anything else has come for too long, the peer is
 * lost, even if the dispatcher is stuck in sending to it. Looked at by the main thread, which never waits for the peer.
 */
export class Watchdog {
  readonly #shared: SharedState;
  readonly #limitMs: number;
  readonly #onLost: (reason: string) => void;
  #acked = -1;
  #since = 0;
  #checkedAt = 0;
  /** The flush that is waited for, and since when. */
  #flush = 0;
  #flushSince = 0;

  constructor(shared: SharedState, limitMs: number, onLost: (reason: string) => void) {
    this.#shared = shared;
    this.#limitMs = limitMs;
    this.#onLost = onLost;
  }

  reset(): void {
    this.#since = this.#checkedAt = monotonicMs();
    this.#acked = -1;
  }

  check(): void {
    const now = monotonicMs();
    const stalled = now - this.#checkedAt > this.#limitMs / 2;
    this.#checkedAt = now;
    if (this.#shared.link !== Link.connected) return;
    this.#checkFlush(now, stalled);
    const { acked, sent } = this.#shared;
    // This process itself was stopped or starved: what the peer sent meanwhile has to be looked at first.
    if (acked !== this.#acked || acked >= sent || stalled) {
      this.#acked = acked;
      this.#since = now;
      return;
    }
    const quiet = now - Math.max(this.#since, this.#shared.heardAt);
    if (quiet > this.#limitMs && this.#shared.declareLost()) {
      this.#onLost(`no acknowledgement for ${(quiet / 1000).toFixed(1)} s`);
    }
  }

  /** A flush is answered by itself, while what comes behind it is acknowledged. */
  #checkFlush(now: number, stalled: boolean): void {
    const flush = this.#shared.oldestPeerFlush;
    if (flush === 0 || flush !== this.#flush || stalled) {
      this.#flush = flush;
      this.#flushSince = now;
      return;
    }
    const quiet = now - this.#flushSince;
    if (quiet > this.#limitMs && this.#shared.declareLost()) {
      this.#onLost(`a flush was not carried out for ${(quiet / 1000).toFixed(1)} s`);
    }
  }
}
