import type { ModuleStatus } from '../../schemas/generated/api.ts';
import type { TrafficSample } from '../../schemas/panel.ts';

/** Seconds that are kept for the plots. */
export const historySeconds = 300;
/** Between two samples at least, in milliseconds: agents may report faster than a plot can show. */
const minimumGap = 400;

/** The recent traffic of one module, so that a panel has something to plot from the moment it opens. */
export class TrafficHistory {
  readonly #samples: TrafficSample[] = [];

  get samples(): readonly TrafficSample[] {
    return this.#samples;
  }

  /**
   * Takes a sample from what is known of `module` now.
   *
   * @param now milliseconds since 1970
   * @returns the sample, or null if the last one is too recent
   */
  add(module: ModuleStatus, now: number): TrafficSample | null {
    const last = this.#samples.at(-1);
    if (last !== undefined && now - last.time < minimumGap) return null;
    const replica = module.onHosts.find((candidate) => candidate.traffic !== null && candidate.known);
    const sample: TrafficSample = {
      time: now,
      bytesPerSecond: replica?.traffic?.bytesPerSecond ?? null,
      writesPerSecond: replica?.traffic?.writesPerSecond ?? null,
      lagMicros: replica?.traffic?.lagMicros ?? null,
    };
    return this.#push(sample);
  }

  /** Ends the line of a plot, if there is one. */
  addGap(now: number): TrafficSample | null {
    const last = this.#samples.at(-1);
    if (last === undefined || last.bytesPerSecond === null) return null;
    return this.#push({ time: now, bytesPerSecond: null, writesPerSecond: null, lagMicros: null });
  }

  #push(sample: TrafficSample): TrafficSample {
    this.#samples.push(sample);
    while ((this.#samples[0]?.time ?? sample.time) < sample.time - historySeconds * 1000) this.#samples.shift();
    return sample;
  }
}
