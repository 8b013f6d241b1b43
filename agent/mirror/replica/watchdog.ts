import { Link, type SharedState } from '../link/sharedState.ts';

/** How often the peer's silence is measured while something is due from it, and while nothing is. */
const BUSY_MS = 250;
const IDLE_MS = 1000;

/** What of the threads' shared state tells of the peer. */
type Watched = Pick<SharedState, 'link' | 'acked' | 'sent' | 'heardAt' | 'oldestPeerFlush' | 'sentAt' | 'declareLost'>;

/**
 * Bounds every wait for the peer: when frames are due and neither an acknowledgement nor anything else has come for too long, the peer is
 * lost, even if the dispatcher is stuck in sending to it. Looked at by the main thread, which never waits for the peer.
 */
export class Watchdog {
  readonly #shared: Watched;
  #limitMs: number;
  readonly #onLost: (reason: string) => void;
  readonly #clock: () => number;
  /** When the oldest frame that is not acknowledged was sent, or a later moment from which its acknowledgement is waited for. */
  #dueSince: number | null = null;
  #checkedAt = 0;
  #nextMs = IDLE_MS;
  /** The flush that is waited for, and since when. */
  #flush = 0;
  #flushSince = 0;

  /** @param clock monotonic, milliseconds, that of `shared` */
  constructor(shared: Watched, limitMs: number, clock: () => number, onLost: (reason: string) => void) {
    this.#shared = shared;
    this.#limitMs = limitMs;
    this.#clock = clock;
    this.#onLost = onLost;
  }

  /**
   * What is waited for already has another limit, counted from the same moment: look again now, since the next look may be due earlier than was
   * said.
   */
  changeLimit(limitMs: number): void {
    this.#limitMs = limitMs;
  }

  reset(): void {
    this.#checkedAt = this.#clock();
    this.#dueSince = null;
    this.#flush = 0;
  }

  /**
   * Looks at the peer. What was sent since the last look is known with its time, so that while nothing is due it is enough to look again
   * before anything can be overdue.
   * @returns when to look again, milliseconds
   */
  check(): number {
    const now = this.#clock();
    // This process itself was stopped or starved: what the peer sent meanwhile has to be looked at first.
    const stalled = now - this.#checkedAt > this.#nextMs + this.#limitMs / 4;
    this.#checkedAt = now;
    const isDue = this.#shared.link === Link.connected && this.#isDue(now, stalled);
    return (this.#nextMs = isDue ? Math.min(BUSY_MS, this.#limitMs / 4) : Math.min(IDLE_MS, this.#limitMs));
  }

  #isDue(now: number, stalled: boolean): boolean {
    const flushDue = this.#checkFlush(now, stalled);
    const { acked, sent } = this.#shared;
    if (acked >= sent) {
      this.#dueSince = null;
      return flushDue;
    }
    const sentAt = this.#shared.sentAt(acked + 1);
    if (stalled) this.#dueSince = now;
    else this.#dueSince = Math.max(this.#dueSince ?? -Infinity, sentAt ?? this.#dueSince ?? now);
    const quiet = now - Math.max(this.#dueSince, this.#shared.heardAt);
    if (quiet > this.#limitMs && this.#shared.declareLost()) {
      this.#onLost(`no acknowledgement for ${(quiet / 1000).toFixed(1)} s`);
    }
    return true;
  }

  /** A flush is answered by itself, while what comes behind it is acknowledged. Returns whether one is due. */
  #checkFlush(now: number, stalled: boolean): boolean {
    const flush = this.#shared.oldestPeerFlush;
    if (flush === 0) return false;
    if (flush !== this.#flush || stalled) {
      this.#flush = flush;
      this.#flushSince = stalled ? now : (this.#shared.sentAt(flush) ?? now);
    }
    const quiet = now - this.#flushSince;
    if (quiet > this.#limitMs && this.#shared.declareLost()) {
      this.#onLost(`a flush was not carried out for ${(quiet / 1000).toFixed(1)} s`);
    }
    return true;
  }
}
