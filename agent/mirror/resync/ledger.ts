import type { ResyncProgress } from '../mirror.ts';

const WINDOW_MS = 5000;
const REPORT_EVERY_MS = 250;
/** How many bytes may be saved up while a limit leaves them unused, milliseconds of the limit. */
const BURST_MS = 100;

/** What a resync has looked at and sent. The numbers only grow. */
export class Ledger {
  readonly #kind: 'delta' | 'full';
  readonly #cause: string;
  readonly #samples: { at: number; sent: number }[] = [];
  readonly startedAt: number;
  toCheck = 0;
  checked = 0;
  sent = 0;
  #reportedAt = 0;

  constructor(kind: 'delta' | 'full', cause: string, now: number) {
    this.#kind = kind;
    this.#cause = cause;
    this.startedAt = now;
  }

  progress(now: number): ResyncProgress {
    this.#samples.push({ at: now, sent: this.sent });
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0] ?? { at: this.startedAt, sent: 0 };
    const from = first.at === now ? { at: this.startedAt, sent: 0 } : first;
    const rate = now > from.at ? Math.round(((this.sent - from.sent) * 1000) / (now - from.at)) : 0;
    const elapsed = (now - this.startedAt) / 1000;
    const secondsLeft =
      this.checked > 0 && elapsed > 0.5 ? Math.round(((this.toCheck - this.checked) * elapsed) / this.checked) : null;
    return {
      kind: this.#kind,
      cause: this.#cause,
      toCheck: this.toCheck,
      checked: this.checked,
      sent: this.sent,
      rate,
      secondsLeft,
    };
  }

  /** The progress when it is time to tell, else null. */
  report(now: number): ResyncProgress | null {
    if (now - this.#reportedAt < REPORT_EVERY_MS) return null;
    this.#reportedAt = now;
    return this.progress(now);
  }
}

/** Keeps a resync below a rate. */
export class RateLimit {
  readonly #bytesPerMs: number | null;
  #credit = 0;
  #at: number;

  /** @param bytesPerSecond null for no limit */
  constructor(bytesPerSecond: number | null, now: number) {
    this.#bytesPerMs = bytesPerSecond === null ? null : bytesPerSecond / 1000;
    this.#at = now;
  }

  /** Whether more may be sent now. */
  open(now: number): boolean {
    if (this.#bytesPerMs === null) return true;
    this.#credit = Math.min(this.#credit + (now - this.#at) * this.#bytesPerMs, this.#bytesPerMs * BURST_MS);
    this.#at = now;
    return this.#credit > 0;
  }

  spend(bytes: number): void {
    this.#credit -= bytes;
  }
}
