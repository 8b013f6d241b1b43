import { keepEvidence } from './evidence.ts';
import type { CampaignOptions } from './options.ts';
import { planRound, type Round } from './plan.ts';
import { clock, describeResult, describeRound, describeStep, type Report } from './report.ts';
import { Site } from './site.ts';
import { LogPlaces, runStep } from './step.ts';
import { untilWhole } from './whole.ts';

/** A cluster that cannot be made is nothing that goes away by trying for ever. */
const setUpTries = 2;

/** Runs rounds, each on a cluster of its own, until the time or the number of steps is over. */
export class Campaign {
  readonly #began = performance.now();
  #steps = 0;
  #site: Site | null = null;

  constructor(
    private readonly options: CampaignOptions,
    private readonly report: Report,
    private readonly print: (line: string) => void,
  ) {}

  async run(): Promise<void> {
    let setUpsFailed = 0;
    for (let number = this.options.round; !this.#isOver() && setUpsFailed < setUpTries; number += 1) {
      const round = planRound(this.options.seed, number, this.options.arbiter, this.options.only);
      this.print(describeRound(round));
      try {
        await this.#setUp(round);
        setUpsFailed = 0;
      } catch (error) {
        setUpsFailed += 1;
        this.report.addFailure();
        const folder = await keepEvidence(this.#nameOf(round, 0), [(error as Error).message], this.#site);
        this.print(
          `FAILED: the cluster did not become whole: ${(error as Error).message.split('\n')[0] ?? ''}; kept in ${folder}`,
        );
      }
      if (this.#site !== null && setUpsFailed === 0) await this.#runSteps(round, this.#site);
      await this.remove();
    }
  }

  /** Takes the cluster away; also in the middle of everything. */
  async remove(): Promise<void> {
    const site = this.#site;
    this.#site = null;
    await site?.remove();
  }

  async #setUp(round: Round): Promise<void> {
    this.#site = await Site.create(round, () => undefined);
    await untilWhole(this.#site);
  }

  async #runSteps(round: Round, site: Site): Promise<void> {
    const logs = new LogPlaces();
    let records = 0;
    // Decided once for each step, while it is looked at: what was not looked at while it was stopped is followed by another one.
    let isLast = this.#isOver();
    for (const [index, step] of round.steps.entries()) {
      if (isLast) return;
      this.#steps += 1;
      this.print(`${this.#time()}  ${round.number}.${index + 1}  ${describeStep(step)}`);
      const result = await runStep(site, step, logs, () => (isLast = this.#isOver()));
      this.report.add(result, records);
      records = result.records;
      this.print(`${' '.repeat(this.#time().length)}  ${describeResult(result)}${this.#timeLeft()}`);
      if (result.wrong.length === 0) continue;
      for (const line of result.wrong) this.print(`    ${line.split('\n')[0] ?? ''}`);
      this.print(`    kept in ${await keepEvidence(this.#nameOf(round, index + 1), result.wrong, site)}`);
      // What goes wrong from here on may be a consequence.
      return;
    }
  }

  #nameOf(round: Round, step: number): string {
    return `seed-${this.options.seed}-${round.arbiter}-${round.number}.${step}`;
  }

  #isOver(): boolean {
    const { limitMs, steps } = this.options;
    const isLate = limitMs !== null && performance.now() - this.#began > limitMs;
    return isLate || (steps !== null && this.#steps >= steps);
  }

  #time(): string {
    return clock(performance.now() - this.#began).padStart(7);
  }

  #timeLeft(): string {
    const { limitMs, steps } = this.options;
    if (limitMs !== null) return `; ${clock(limitMs - (performance.now() - this.#began))} left`;
    return steps === null ? '' : `; ${steps - this.#steps} steps left`;
  }
}
