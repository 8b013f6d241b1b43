import type { Traffic } from '../../schemas/generated/api.ts';
import type { MirrorStats } from '../mirror/mirror.ts';

/** Makes rates of a mirror's totals. */
export class TrafficMeter {
  #previous: { readonly stats: MirrorStats; readonly at: number } | null = null;

  /** @param now monotonic milliseconds */
  of(stats: MirrorStats, now: number): Traffic {
    const previous = this.#previous;
    this.#previous = { stats, at: now };
    const seconds = previous ? (now - previous.at) / 1000 : 0;
    const rate = (key: 'writes' | 'bytesWritten' | 'flushes'): number =>
      previous && seconds > 0 && stats[key] >= previous.stats[key] ? (stats[key] - previous.stats[key]) / seconds : 0;
    return {
      writesPerSecond: rate('writes'),
      bytesPerSecond: rate('bytesWritten'),
      flushesPerSecond: rate('flushes'),
      unacknowledged: stats.unacknowledged,
      lagMicros: stats.lagMicros,
      markedBytes: stats.markedBytes,
    };
  }
}
