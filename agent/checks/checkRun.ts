import { formatDuration } from '../../schemas/units.ts';
import { type Probe, shortened } from './probe.ts';
import { afterResult, type News, type Series, seriesSince } from './series.ts';

export interface CheckRunOptions {
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly failures: number;
  readonly recoveries?: number;
  readonly startGraceMs: number;
  readonly probe: Probe;
  readonly onNews: (news: News) => void;
  /** What is shown of it has changed. */
  readonly onChange: () => void;
}

/** A program whose disk does not answer cannot even be killed. */
const endLimitMs = 1000;

/** Looks again and again for as long as the server runs. Times are those of performance.now(). */
export class CheckRun {
  readonly #options: CheckRunOptions;
  #series: Series;
  #timer: NodeJS.Timeout | null = null;
  #look: AbortController | null = null;
  /** A look that does not end although it should have: no other one is begun beside it. */
  #pending: Promise<unknown> | null = null;
  #isEnded = false;

  constructor(options: CheckRunOptions, startedAt: number) {
    this.#options = options;
    this.#series = seriesSince(startedAt, performance.now());
    this.#schedule(0);
  }

  get series(): Series {
    return this.#series;
  }

  /** No news comes after this. Resolves when nothing of a look is left, as far as it can be ended. */
  async end(): Promise<void> {
    this.#isEnded = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#look?.abort();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, endLimitMs)));
    await Promise.race([this.#pending, late]);
    clearTimeout(timer);
  }

  #schedule(afterMs: number): void {
    this.#timer = setTimeout(() => void this.#next(), afterMs);
  }

  async #next(): Promise<void> {
    const beganAt = performance.now();
    const error = await this.#lookOnce();
    if (this.#isEnded) return;
    const at = performance.now();
    this.#schedule(Math.max(0, beganAt + this.#options.everyMs - at));
    const before = this.#series;
    const { series, news } = afterResult(before, this.#options, { beganAt, at, error });
    this.#series = series;
    if (series.state !== before.state || series.error !== before.error) this.#options.onChange();
    if (news) this.#options.onNews(news);
  }

  async #lookOnce(): Promise<string | null> {
    if (this.#pending) return 'the look before this one has not ended yet';
    const { probe, timeoutMs } = this.#options;
    const look = new AbortController();
    this.#look = look;
    const timer = setTimeout(() => look.abort(), timeoutMs);
    const late = new Promise<string>((resolve) => {
      look.signal.addEventListener('abort', () => resolve(`no answer within ${formatDuration(timeoutMs)}`));
    });
    const answer = probe(look.signal).catch((error: Error) => shortened(error.message));
    this.#pending = answer.finally(() => (this.#pending = null));
    try {
      // Whatever an aborted look says, its time was over.
      return await Promise.race([late, answer]);
    } finally {
      clearTimeout(timer);
    }
  }
}
