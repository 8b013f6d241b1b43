/** What the core cannot know of a failback: the time of the day, and what the mirror does beside serving. */
import type { FailbackStatus } from '../../schemas/generated/api.ts';
import { isOpen, nextTime, parseWindow, type Window } from '../../schemas/schedule.ts';
import { failbackOf, type FailbackPlan } from '../core/failback.ts';
import type { ModuleCoreState } from '../core/types.ts';

export class ModuleFailback {
  readonly #text: string;
  readonly #window: Window | null;
  #plan: FailbackPlan | null = null;
  #shown: FailbackStatus | null = null;

  /** @param window as in the module's file; "always": no window */
  constructor(window: string) {
    this.#text = window;
    this.#window = parseWindow(window);
  }

  /**
   * What stands in the way now; null: nothing.
   * @param compares a verify or a repair is under way
   * @param behind the other host, while it runs by other files: in these another host may be the preferred one, and it would come back
   */
  hindrance(compares: boolean, behind: string | null, now: Date): string | null {
    if (compares) return 'the end of a verify or repair';
    if (behind !== null) return `${behind} to run by the same version of the files`;
    return this.#window === null || isOpen(this.#window, now) ? null : `the window ${this.#text}`;
  }

  /** For people; the same object as long as nothing of it has changed. */
  shown(core: ModuleCoreState): FailbackStatus | null {
    const now = performance.now();
    const plan = failbackOf(core, now);
    const isSame = plan?.dueAt === this.#plan?.dueAt && plan?.waitsFor === this.#plan?.waitsFor;
    if ((plan === null) === (this.#plan === null) && isSame) return this.#shown;
    this.#plan = plan;
    const due = plan === null || plan.dueAt === null ? null : new Date(Date.now() + Math.max(0, plan.dueAt - now));
    this.#shown = plan && { to: plan.to, at: due && this.#opening(due).toISOString(), waitsFor: plan.waitsFor };
    return this.#shown;
  }

  #opening(due: Date): Date {
    return this.#window === null || isOpen(this.#window, due) ? due : nextTime(this.#window.from, due);
  }
}
