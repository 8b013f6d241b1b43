import type { ResolvedModule } from '../../schemas/defaults.ts';
import type { ResolvedCheck, ResolvedCondition } from '../../schemas/resolvedChecks.ts';
import { afterResult, seriesSince, type News, type Series } from '../checks/series.ts';
import { checkFailedText } from '../runtime/moduleChecks.ts';
import { unmetText } from '../runtime/moduleConditions.ts';
import type { Host } from './host.ts';
import { later, type Surroundings } from './surroundings.ts';

/** How long a look takes that is well. */
const lookMs = 20;

/** What is looked at on one host. */
interface Watched<T> {
  readonly what: T;
  series: Series;
}

/** The checks of the server where it runs, and the conditions on both hosts: what counts as failed the agent's own rules say. */
export class Looks {
  /** Which of them fail, by `HOST NAME`. */
  readonly #failing = new Set<string>();
  readonly #world: Surroundings;
  readonly #module: Pick<ResolvedModule, 'checks' | 'failover'>;
  readonly #checks = new Map<Host, Watched<ResolvedCheck>[]>();
  readonly #conditions = new Map<Host, Watched<ResolvedCondition>[]>();
  readonly #told = new Map<Host, string | null>();

  constructor(world: Surroundings, module: Pick<ResolvedModule, 'checks' | 'failover'>) {
    this.#world = world;
    this.#module = module;
  }

  setFailing(host: string, name: string, isFailing: boolean): void {
    if (isFailing) this.#failing.add(`${host} ${name}`);
    else this.#failing.delete(`${host} ${name}`);
  }

  /** The agent of a host has started, or ended: nothing is known of its conditions. */
  begins(host: Host): void {
    this.#checks.delete(host);
    this.#told.delete(host);
    const conditions = host.core === null ? [] : this.#module.failover.conditions.map((what) => this.#watched(what));
    this.#conditions.set(host, conditions);
    for (const each of conditions) {
      const rules = { ...each.what, recoveries: each.what.failures, startGraceMs: 0 };
      this.#lookAgain(
        host,
        each,
        rules,
        () => this.#conditions.get(host) === conditions,
        () => this.#tellConditions(host, conditions),
      );
    }
  }

  /** Its server may have begun to run, or have ended. */
  notice(host: Host): void {
    if (host.server !== 'running') {
      this.#checks.delete(host);
      return;
    }
    if (this.#checks.has(host)) return;
    const checks = this.#module.checks.map((what) => this.#watched(what));
    this.#checks.set(host, checks);
    for (const each of checks) {
      this.#lookAgain(
        host,
        each,
        each.what,
        () => this.#checks.get(host) === checks,
        (news) => this.#tellCheck(host, each.what, news),
      );
    }
  }

  #watched<T>(what: T): Watched<T> {
    const { now } = this.#world.clock;
    return { what, series: seriesSince(now, now) };
  }

  #lookAgain(
    host: Host,
    each: Watched<ResolvedCondition>,
    rules: Parameters<typeof afterResult>[1],
    goesOn: () => boolean,
    tell: (news: News | null) => void,
  ): void {
    const { clock } = this.#world;
    const beganAt = clock.now;
    later(this.#world, host, lookMs, () => {
      if (!goesOn()) return;
      const fails = this.#failing.has(`${host.name} ${each.what.name}`) || ('onFailure' in each.what && host.hasDied);
      const error = fails ? 'no answer' : null;
      const { series, news } = afterResult(each.series, rules, { beganAt, at: clock.now, error });
      each.series = series;
      later(this.#world, host, each.what.everyMs - lookMs, () => {
        if (goesOn()) this.#lookAgain(host, each, rules, goesOn, tell);
      });
      tell(news);
    });
  }

  #tellCheck(host: Host, { name, onFailure }: ResolvedCheck, news: News | null): void {
    if (news?.kind !== 'failed' || (onFailure === 'report' && !news.isFirst)) return;
    const reason = checkFailedText(name, news);
    this.#world.feed(host, { type: 'serverUnhealthy', reason, action: onFailure, isFirst: news.isFirst });
  }

  #tellConditions(host: Host, conditions: readonly Watched<ResolvedCondition>[]): void {
    if (!conditions.every(({ series }) => series.hasSucceeded || series.state === 'failed')) return;
    const failed = conditions.filter(({ series }) => series.state === 'failed');
    const unmet = unmetText(failed.map(({ what, series }) => ({ name: what.name, error: series.error })));
    if (unmet === this.#told.get(host)) return;
    this.#told.set(host, unmet);
    this.#world.feed(host, { type: 'conditions', unmet });
  }
}
