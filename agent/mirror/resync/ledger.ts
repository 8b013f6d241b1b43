import type { ResyncProgress } from '../mirror.ts';

const WINDOW_MS = 5000;
const REPORT_EVERY_MS = 250;
/** Sooner nobody can tell how long it takes. */
const KNOWN_AFTER_MS = 500;
/** How many bytes may be saved up while a limit leaves them unused, milliseconds of the limit. */
const BURST_MS = 100;

/** What a resync has looked at and sent. The numbers only grow. */
export class Ledger {
  readonly #kind: 'delta' | 'full';
  readonly #cause: string;
  readonly #samples: { at: number; checked: number; sent: number }[];
  readonly startedAt: number;
  toCheck = 0;
  checked = 0;
  sent = 0;
  holes = 0;
  content = 0;
  names = 0;
  #reportedAt = 0;

  constructor(kind: 'delta' | 'full', cause: string, now: number) {
    this.#kind = kind;
    this.#cause = cause;
    this.startedAt = now;
    this.#samples = [{ at: now, checked: 0, sent: 0 }];
  }

  progress(now: number): ResyncProgress {
    const { toCheck, checked, sent, holes, content, names } = this;
    const samples = this.#samples;
    samples.push({ at: now, checked, sent });
    // The first one that stays is as old as the window, or older.
    while (samples.length > 2 && now - (samples[1]?.at ?? now) >= WINDOW_MS) samples.shift();
    const first = samples[0] ?? { at: now, checked, sent };
    const perSecond = (bytes: number) => (now > first.at ? Math.round((bytes * 1000) / (now - first.at)) : 0);
    const rate = perSecond(checked - first.checked);
    const isKnown = rate > 0 && now - this.startedAt > KNOWN_AFTER_MS;
    return {
      kind: this.#kind,
      cause: this.#cause,
      ...{ toCheck, checked, sent, holes, content, names, rate },
      sentRate: perSecond(sent - first.sent),
      secondsLeft: isKnown ? Math.round((toCheck - checked) / rate) : null,
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
