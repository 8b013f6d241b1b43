import type { CheckStatus } from '../../schemas/generated/api.ts';
import type { ResolvedCheck } from '../../schemas/resolvedChecks.ts';
import { CheckRun } from '../checks/checkRun.ts';
import type { Probe } from '../checks/probe.ts';
import type { News } from '../checks/series.ts';
import type { UnhealthyAction } from '../core/types.ts';
import type { ServerState } from '../server/virtualServer.ts';
import { statusOfSeries } from './checkStatus.ts';
import type { EventLog } from './eventLog.ts';

export interface RunnableCheck {
  readonly check: ResolvedCheck;
  readonly probe: Probe;
}

export interface ModuleChecksOptions {
  readonly module: string;
  readonly checks: readonly RunnableCheck[];
  readonly log: EventLog;
  readonly unhealthy: (reason: string, action: UnhealthyAction, isFirst: boolean) => void;
  readonly onChange: () => void;
}

/** The checks of one module's server: made while it runs on this host, and told to the core when one has failed. */
export class ModuleChecks {
  readonly #options: ModuleChecksOptions;
  /** Null: the server does not run. */
  #runs: readonly { readonly check: ResolvedCheck; readonly run: CheckRun }[] | null = null;
  #isSuspended = false;
  #status: readonly CheckStatus[] | null = null;

  constructor(options: ModuleChecksOptions) {
    this.#options = options;
  }

  /** The same object as long as nothing of it has changed; null while the server does not run. */
  get status(): readonly CheckStatus[] | null {
    return this.#runs && (this.#status ??= this.#runs.map(statusOf));
  }

  /** @param startedAt when a server was started that runs already; null: a moment ago */
  serverIs(state: ServerState, startedAt: Date | null = null): void {
    const runs = state === 'running' && !this.#isSuspended;
    if (runs === (this.#runs !== null)) return;
    // The wall's clock may have been set back since: then it counts as started a moment ago, and not at some time to come.
    const agoMs = startedAt === null ? 0 : Math.max(0, Date.now() - startedAt.getTime());
    if (runs) this.#begin(performance.now() - agoMs);
    else void this.#end();
  }

  /** Until {@link resume}: resolves when nothing of a check is under way. */
  async suspend(): Promise<void> {
    this.#isSuspended = true;
    await this.#end();
  }

  resume(state: ServerState, startedAt: Date | null): void {
    this.#isSuspended = false;
    this.serverIs(state, startedAt);
  }

  #begin(startedAt: number): void {
    const { checks, onChange } = this.#options;
    this.#status = null;
    this.#runs = checks.map(({ check, probe }) => {
      const changed = (): void => {
        this.#status = null;
        onChange();
      };
      const onNews = (news: News): void => this.#onNews(check, news);
      return { check, run: new CheckRun({ ...check, probe, onNews, onChange: changed }, startedAt) };
    });
  }

  async #end(): Promise<void> {
    const runs = this.#runs ?? [];
    this.#runs = null;
    this.#status = null;
    await Promise.all(runs.map(({ run }) => run.end()));
  }

  #onNews({ name, onFailure }: ResolvedCheck, news: News): void {
    const { module, log, unhealthy } = this.#options;
    if (news.kind === 'recovered') {
      const after = secondsText(news.afterMs);
      log.add('info', module, 'CHECK_RECOVERED', `${module}: check ${name} is well again after ${after}`);
    } else if (onFailure !== 'report' || news.isFirst) {
      unhealthy(checkFailedText(name, news), onFailure, news.isFirst);
    }
  }
}

/** Why a check counts as failed, for people. */
export function checkFailedText(name: string, { times, withinMs, error }: Extract<News, { kind: 'failed' }>): string {
  const often = times === 1 ? 'failed' : `failed ${times} times in ${secondsText(withinMs)}`;
  return `check ${name} ${often} (${error})`;
}

function secondsText(ms: number): string {
  return `${ms < 10_000 ? (ms / 1000).toFixed(1) : Math.round(ms / 1000)} s`;
}

function statusOf({ check, run }: { readonly check: ResolvedCheck; readonly run: CheckRun }): CheckStatus {
  return { ...statusOfSeries(check.name, run.series), onFailure: check.onFailure };
}
