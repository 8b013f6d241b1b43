import type { FailoverReport, ModuleStatus } from '../../schemas/generated/api.ts';

/**
 * Tells failovers that are news from those that are known. Agents forget their last failover when they restart, and another host may
 * still know of it: so what counts is its epoch.
 */
export class FailoverNews {
  /** By key: the newest epoch whose failover needs no telling. */
  readonly #known = new Map<string, number>();

  /**
   * The unplanned failover of a module that happened since it was looked at before; null: there was none.
   *
   * @param key names the module among those of all clusters
   */
  of(key: string, { epoch, lastFailover }: ModuleStatus): FailoverReport | null {
    const known = this.#known.get(key);
    // What there was before this editor looked for the first time is no news.
    const newest = Math.max(known ?? epoch, lastFailover?.epoch ?? 0);
    this.#known.set(key, newest);
    if (known === undefined || lastFailover?.kind !== 'failover') return null;
    return lastFailover.epoch > known ? lastFailover : null;
  }
}
