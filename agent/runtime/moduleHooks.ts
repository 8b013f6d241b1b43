import type { HookName, ResolvedHooks } from '../../schemas/defaults.ts';
import type { Role } from '../core/types.ts';
import type { ModuleState } from '../../schemas/generated/api.ts';
import { describeFailure, runScript, type ScriptResult } from '../server/scripts/scriptRun.ts';
import type { EventLog } from './eventLog.ts';
import { verdictOf } from './hookVerdict.ts';
import type { ModuleEnvironment } from './moduleEnvironment.ts';

/** A hook ends by itself or is killed; this is for one whose program cannot even be looked at. Milliseconds. */
const stuckMs = 1000;
/** Every start and every move waits for a moment: that is nothing to be told of. */
const waitMs = 10_000;

/** A hook before the start refuses it. */
export class HookRefusal extends Error {
  override readonly name = 'HookRefusal';
  constructor(
    message: string,
    /** Neither another try nor the other host would be of use. */
    readonly lasting: boolean,
  ) {
    super(message);
  }
}

export interface ModuleHooksOptions {
  readonly module: string;
  readonly host: string;
  readonly hooks: ResolvedHooks;
  readonly environment: ModuleEnvironment;
  readonly log: EventLog;
}

/** A module that is closed waits for its hooks at most so long. */
const closeLimitMs = 5000;

/** Runs the operator's own programs when the module changes on this host. */
export class ModuleHooks {
  #options: ModuleHooksOptions;
  #running = 0;
  /** Hooks that nobody waits for run one after the other, so that they tell of things in their order. */
  #after: Promise<void> = Promise.resolve();
  readonly #closed = new AbortController();
  #waitTimer: NodeJS.Timeout | null = null;
  #waitReason = '';

  constructor(options: ModuleHooksOptions) {
    this.#options = options;
  }

  /** The module's file names others: they hold from the next one on. */
  change(hooks: ResolvedHooks): void {
    this.#options = { ...this.#options, hooks };
  }

  get areRunning(): boolean {
    return this.#running > 0;
  }

  /** Resolves when the hook has ended, at the latest after its time-out, or at once when the signal is aborted. Rejects with a HookRefusal. */
  async before(name: 'beforePrimary' | 'beforeStop', epoch: number, signal: AbortSignal): Promise<void> {
    const { module, host } = this.#options;
    const result = await this.#run(name, epoch, '', signal);
    if (result === undefined) return;
    const verdict = verdictOf(name, result);
    if (verdict.kind !== 'refused') return;
    const said = result?.output ? ` It wrote: ${result.output}` : ' It wrote nothing.';
    throw new HookRefusal(
      `the ${name} hook of ${module} refuses the start on ${host} (code ${String(result?.code)}).${said}`,
      verdict.lasting,
    );
  }

  /** Runs a hook that nobody waits for. @param reason for people @param told variables that are not those of this moment */
  after(
    name: Exclude<HookName, 'beforePrimary' | 'beforeStop'>,
    epoch: number,
    reason = '',
    told: Readonly<Record<string, string>> = {},
  ): void {
    // Told of what is now, not of what will be when its turn comes.
    const variables = { ...this.#variables(name, epoch, reason), ...told };
    this.#running++;
    this.#after = this.#after
      .then(() => this.#runWith(name, variables, this.#closed.signal))
      .then(() => undefined)
      .finally(() => this.#running--);
  }

  /** Call with each change of the state that people see. @param because for people */
  stateChanged(from: ModuleState, to: ModuleState, epoch: number, because: string): void {
    this.after('afterChange', epoch, because, { UNDERSTUDY_PREVIOUS_STATE: from, UNDERSTUDY_STATE: to });
  }

  /** Call when the role has changed. */
  noteRole(before: Role, role: Role, epoch: number): void {
    if (role.at === 'following' && before.at !== 'following') this.after('afterSecondary', epoch);
    if (role.at !== 'waiting') {
      this.#forgetWait();
      return;
    }
    this.#waitReason = role.reason;
    const wasWaiting = before.at === 'waiting';
    if (role.parked && !(wasWaiting && before.parked)) {
      this.#forgetWait();
      this.after('afterWait', epoch, role.reason);
    } else if (!wasWaiting) {
      this.#waitTimer = setTimeout(() => this.after('afterWait', epoch, this.#waitReason), waitMs);
    }
  }

  #forgetWait(): void {
    if (this.#waitTimer) clearTimeout(this.#waitTimer);
    this.#waitTimer = null;
  }

  /** Resolves when no hook runs any more: they have some seconds left, whatever their time-out. */
  async close(): Promise<void> {
    this.#forgetWait();
    const limit = setTimeout(() => this.#closed.abort(), closeLimitMs);
    await this.#after;
    clearTimeout(limit);
  }

  async #run(
    name: HookName,
    epoch: number,
    reason: string,
    signal: AbortSignal,
  ): Promise<ScriptResult | null | undefined> {
    this.#running++;
    try {
      return await this.#runWith(name, this.#variables(name, epoch, reason), signal);
    } finally {
      this.#running--;
    }
  }

  #variables(name: HookName, epoch: number, reason: string): Readonly<Record<string, string>> {
    const { module, host, hooks, environment } = this.#options;
    if (!hooks.programs[name]) return {};
    return {
      ...environment.variables(),
      UNDERSTUDY_MODULE: module,
      UNDERSTUDY_HOST: host,
      UNDERSTUDY_EPOCH: String(epoch),
      UNDERSTUDY_REASON: reason,
    };
  }

  /** Undefined: there is no such hook, or it was not waited for; null: it could not be run. Never rejects. */
  async #runWith(
    name: HookName,
    environment: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<ScriptResult | null | undefined> {
    const { module, host, hooks, log } = this.#options;
    const { timeoutMs } = hooks;
    const argv = hooks.programs[name];
    if (!argv || signal.aborted) return undefined;
    const call = { action: name, title: `${name} hook`, key: `hooks.${name}`, argv, directory: '/' };
    const report = (problem: string): void =>
      log.add('warn', module, 'HOOK_FAILED', `the ${name} hook of ${module} on ${host} ${problem}`);
    try {
      const result = await limited(runScript({ ...call, environment, timeoutMs, signal }), timeoutMs + stuckMs, signal);
      if (signal.aborted) return undefined;
      if (verdictOf(name, result).kind === 'reported') report(describeFailure(result, timeoutMs, 'hooks.timeout'));
      else {
        for (const line of result.output.split('\n').filter(Boolean)) {
          log.add('info', module, 'HOOK', `${name}: ${line}`);
        }
      }
      return result;
    } catch (error) {
      if (signal.aborted) return undefined;
      report(`could not be run: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  }
}

/** Rejects when it takes longer, or the signal is aborted. */
async function limited<T>(promise: Promise<T>, limitMs: number, signal: AbortSignal): Promise<T> {
  let give: (error: Error) => void = () => undefined;
  const end = new Promise<never>((_, reject) => (give = reject));
  const timer = setTimeout(() => give(new Error(`it did not begin within ${String(limitMs)} ms`)), limitMs);
  const onAbort = (): void => give(new Error('it was not waited for'));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, end]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
