import type { ConditionStatus } from '../../schemas/generated/api.ts';
import type { ResolvedCondition } from '../../schemas/resolvedChecks.ts';
import { CheckRun } from '../checks/checkRun.ts';
import type { Probe } from '../checks/probe.ts';
import { statusOfSeries } from './checkStatus.ts';

export interface RunnableCondition {
  readonly condition: ResolvedCondition;
  readonly probe: Probe;
}

export interface ModuleConditionsOptions {
  readonly conditions: readonly RunnableCondition[];
  /** Told once all are known, and whenever it is another one: which are not met; null: all are. */
  readonly told: (unmet: string | null) => void;
  readonly onChange: () => void;
}

/**
 * Whether this host meets one module's conditions to be primary: looked at by both hosts, all the time. One that has failed is met again
 * after as many good looks in a row as failures count: what comes and goes would move the module back and forth.
 */
export class ModuleConditions {
  readonly #options: ModuleConditionsOptions;
  #runs: readonly { readonly name: string; readonly run: CheckRun }[] = [];
  #status: readonly ConditionStatus[] | null = null;
  #told: string | null | undefined = undefined;

  constructor(options: ModuleConditionsOptions) {
    this.#options = options;
  }

  /** The same object as long as nothing of it has changed. */
  get status(): readonly ConditionStatus[] {
    return (this.#status ??= this.#runs.map(({ name, run }) => statusOfSeries(name, run.series)));
  }

  begin(): void {
    if (this.#runs.length > 0) return;
    this.#status = null;
    const now = performance.now();
    this.#runs = this.#options.conditions.map(({ condition, probe }) => {
      const { name, everyMs, timeoutMs, failures } = condition;
      const rules = { everyMs, timeoutMs, failures, recoveries: failures, startGraceMs: 0 };
      const onChange = (): void => this.#changed();
      return { name, run: new CheckRun({ ...rules, probe, onNews: () => undefined, onChange }, now) };
    });
  }

  /** Resolves when nothing of a look is under way. */
  async end(): Promise<void> {
    const runs = this.#runs;
    this.#runs = [];
    this.#status = null;
    await Promise.all(runs.map(({ run }) => run.end()));
  }

  #changed(): void {
    this.#status = null;
    const isKnown = this.#runs.every(({ run }) => run.series.hasSucceeded || run.series.state === 'failed');
    if (isKnown) this.#tell();
    this.#options.onChange();
  }

  #tell(): void {
    const failed = this.#runs.filter(({ run }) => run.series.state === 'failed');
    const unmet = unmetText(failed.map(({ name, run }) => ({ name, error: run.series.error })));
    if (unmet === this.#told) return;
    this.#told = unmet;
    this.#options.told(unmet);
  }
}

/** Which conditions are not met, for people; null: all are. */
export function unmetText(failed: readonly { readonly name: string; readonly error: string | null }[]): string | null {
  if (failed.length === 0) return null;
  return failed.map(({ name, error }) => `${name} failed (${error ?? 'not well for long enough'})`).join('; ');
}
