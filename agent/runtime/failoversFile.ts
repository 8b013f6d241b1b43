import { join } from 'node:path';
import { makeDirectoryDurably, readObjectIfExists, writeDurably } from '../platform/durable.ts';

const formatVersion = 1;

/** When the last failovers of a module were in which this host took part, kept over restarts of the agent and the host. */
export class FailoversFile {
  readonly #file: string;

  constructor(stateDirectory: string) {
    makeDirectoryDurably(stateDirectory);
    this.#file = join(stateDirectory, 'failovers.json');
  }

  /**
   * Their times by the monotonic clock `now`; what cannot be read counts for nothing, as no module is to be held up for the sake of a count.
   * They are kept by the clock on this host's wall, the only one that a restart outlasts. One that is to come, as that clock was set back, counts
   * as now, here and for the lives after this one: so no failover counts for longer than the period from the first time that it is read.
   * @param now monotonic milliseconds
   */
  read(now: number, wallNow: number): readonly number[] {
    const content = readObjectIfExists(this.#file);
    const at: unknown = content?.['at'];
    if (content?.['formatVersion'] !== formatVersion || !Array.isArray(at)) return [];
    const ages = at.map((each: unknown) => (typeof each === 'string' ? wallNow - Date.parse(each) : NaN));
    if (ages.some((age) => Number.isNaN(age))) return [];
    const agesMs = ages.map((age) => Math.max(age, 0));
    if (ages.some((age) => age < 0)) this.#saveIfPossible(agesMs, wallNow);
    return agesMs.map((age) => now - age);
  }

  /** @param agesMs how long ago each of them was */
  save(agesMs: readonly number[], wallNow: number): void {
    const at = agesMs.map((age) => new Date(wallNow - age).toISOString());
    writeDurably(this.#file, `${JSON.stringify({ formatVersion, at })}\n`);
  }

  #saveIfPossible(agesMs: readonly number[], wallNow: number): void {
    try {
      this.save(agesMs, wallNow);
    } catch {
      // The next life begins with the same.
    }
  }
}
