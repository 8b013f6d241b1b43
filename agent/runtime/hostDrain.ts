/** Clears this host of the modules that it serves, so that it may be rebooted, and keeps it clear of what would go either way. */
import type { Refusal } from '../core/refusal.ts';
import type { HostDrain as Drain, Outcome } from '../core/types.ts';
import type { DrainFile } from './drainFile.ts';
import type { EventLog } from './eventLog.ts';

/** So many modules move at a time: each costs both hosts a start and a stop of a server. */
const atATime = 2;

/** What a drain does to a module of this host. */
export interface DrainedModule {
  readonly name: string;
  /** Another host of the pair. */
  readonly to: string;
  readonly dependsOn: readonly string[];
  readonly plan: () => 'moves' | 'stays' | Refusal;
  readonly move: () => Promise<Outcome>;
  readonly learn: (drain: Drain | null) => void;
}

export interface HostDrainOptions {
  readonly host: string;
  readonly file: DrainFile;
  readonly log: EventLog;
  /** Those that are open here now. */
  readonly modules: () => readonly DrainedModule[];
  /** Why a host cannot take all of these modules, each of which it could take; null: it can. */
  readonly whyNotAll: (to: string, modules: readonly string[]) => string | null;
  readonly onChange: () => void;
}

export class HostDrain {
  readonly #options: HostDrainOptions;
  #state: Drain | null;

  constructor(options: HostDrainOptions) {
    this.#options = options;
    this.#state = options.file.isDrained() ? 'drained' : null;
  }

  get state(): Drain | null {
    return this.#state;
  }

  /**
   * Moves every module that this host serves to its other host. Nothing is moved when one cannot be; should one fail on the way, the host is
   * not drained, and what was moved stays where it is.
   */
  async drain(by: string): Promise<Outcome> {
    const { host, log } = this.#options;
    if (this.#state === 'draining') return busy(`${host} is being drained already`);
    const modules = this.#options.modules();
    const plans = modules.map((module) => ({ module, plan: module.plan() }));
    const refusals = plans.flatMap(({ module, plan }) => (typeof plan === 'string' ? [] : [{ module, plan }]));
    const [first] = refusals;
    if (first) {
      const why = refusals.map(({ module, plan }) => `${module.name}: ${plan.reason}`).join('; ');
      const { code, numbers } = first.plan;
      return {
        ok: false,
        code,
        reason: `nothing was moved from ${host}, since not everything can be: ${why}`,
        numbers,
      };
    }
    const moving = plans.filter(({ plan }) => plan === 'moves').map(({ module }) => module);
    const tooMuch = this.#whyNotAll(moving);
    if (tooMuch !== null) {
      const reason = `nothing was moved from ${host}, since not everything can be: ${tooMuch}`;
      return { ok: false, code: 'NOT_HEALTHY', reason, numbers: {} };
    }
    const before = this.#state;
    this.#become('draining');
    const names = moving.map(({ name }) => name).join(', ');
    log.add('info', null, 'DRAINING', `${host} is drained${names === '' ? '' : `: ${names} move away`} (${by})`);
    const { moved, failures } = await this.#move(moving);
    if (failures.length > 0) {
      this.#become(before);
      const done = moved.length === 0 ? 'nothing was moved' : `${moved.join(', ')} did move`;
      const reason = `${host} is not clear, do not reboot it: ${failures.join('; ')}; ${done}. Drain it again when that is mended`;
      return { ok: false, code: 'FAILED', reason, numbers: {} };
    }
    const back = this.#options.modules().filter((module) => module.plan() !== 'stays');
    const problem =
      back.length > 0 ? `${back.map(({ name }) => name).join(', ')} came back, or is about to` : this.#save(by);
    if (problem !== null) {
      this.#become(before);
      const reason = `${host} is not clear, do not reboot it: ${problem}. Drain it again when that is mended`;
      return { ok: false, code: 'FAILED', reason, numbers: {} };
    }
    this.#become('drained');
    const what = moved.length === 0 ? 'it served no module' : `${moved.join(', ')} did move`;
    const message = `${host} may be rebooted: ${what}. It takes modules again after \`understudy undrain ${host}\``;
    log.add('info', null, 'DRAINED', message);
    return { ok: true, message };
  }

  undrain(): Outcome {
    const { host, file, log } = this.#options;
    if (this.#state === 'draining') return busy(`${host} is being drained at this moment`);
    if (this.#state === null) return { ok: false, code: 'ALREADY', reason: `${host} is not drained`, numbers: {} };
    file.remove();
    this.#become(null);
    const message = `${host} takes modules again`;
    log.add('info', null, 'UNDRAINED', message);
    return { ok: true, message };
  }

  /** Returns what is wrong with the file, or null. */
  #save(by: string): string | null {
    try {
      this.#options.file.save(by, new Date());
      return null;
    } catch (error) {
      return `that it is drained cannot be written down (${error instanceof Error ? error.message : String(error)})`;
    }
  }

  #whyNotAll(moving: readonly DrainedModule[]): string | null {
    const targets = [...new Set(moving.map(({ to }) => to))];
    const problems = targets.map((to) => {
      const names = moving.filter((module) => module.to === to).map(({ name }) => name);
      return this.#options.whyNotAll(to, names);
    });
    return problems.find((problem) => problem !== null) ?? null;
  }

  async #move(modules: readonly DrainedModule[]): Promise<{ moved: string[]; failures: string[] }> {
    const waiting = [...modules];
    const underWay = new Map<DrainedModule, Promise<void>>();
    const moved: string[] = [];
    const failures: string[] = [];
    const move = async (module: DrainedModule): Promise<void> => {
      const outcome = await module.move();
      underWay.delete(module);
      if (outcome.ok) moved.push(`${module.name} to ${module.to}`);
      else failures.push(`${module.name} stays: ${outcome.reason}`);
    };
    /** Nothing is taken away from under a module that uses it. */
    const isFree = ({ name }: DrainedModule): boolean =>
      ![...waiting, ...underWay.keys()].some(({ dependsOn }) => dependsOn.includes(name));
    while (underWay.size > 0 || (waiting.length > 0 && failures.length === 0)) {
      // What could not be moved ends the drain: nothing else is put out of service for it.
      const free = waiting.findIndex(isFree);
      // Files whose modules wait for one another in a circle are refused; it would hang here.
      const any = free < 0 && underWay.size === 0 ? 0 : free;
      const next = failures.length > 0 || underWay.size >= atATime ? -1 : any;
      const [module] = next < 0 ? [] : waiting.splice(next, 1);
      if (module) underWay.set(module, move(module));
      else await Promise.race(underWay.values());
    }
    return { moved, failures };
  }

  #become(state: Drain | null): void {
    this.#state = state;
    for (const module of this.#options.modules()) module.learn(state);
    this.#options.onChange();
  }
}

function busy(reason: string): Outcome {
  return { ok: false, code: 'BUSY', reason: `${reason}: wait for its end`, numbers: {} };
}
