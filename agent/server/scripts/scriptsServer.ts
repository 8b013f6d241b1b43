import type { ResolvedQemu, ResolvedScripts } from '../../../schemas/defaults.ts';
import {
  ServerError,
  type HandedServer,
  type ServerEvent,
  type ServerState,
  type StartContext,
  type StopOutcome,
  type VirtualServer,
} from '../virtualServer.ts';
import { describeFailure, runScript, type Script, scriptProgram, type ScriptResult } from './scriptRun.ts';

type ScriptAction = 'start' | 'stop' | 'check';

export interface ScriptsServerOptions {
  readonly module: string;
  readonly host: string;
  readonly config: ResolvedScripts;
  /** The mirrored directory, absolute: relative programs start here. */
  readonly directory: string;
  /** What scripts are told of the module, beside its name, its host and the epoch of the start. */
  readonly environment: () => Readonly<Record<string, string>>;
  /** One line for the agent's log. */
  readonly log: (line: string) => void;
}

/** A start, or the end of a server that has died: whoever stops the server waits for it, so that no two scripts are at it. */
interface UnderWay {
  /** Aborted when the server is to be stopped meanwhile. */
  readonly asked: AbortController;
  /** Never rejects. */
  readonly over: Promise<unknown>;
}

/**
 * A server that scripts start and stop. It runs from the moment the start script has ended with code 0; only the check script can say
 * that it died.
 */
export class ScriptsServer implements VirtualServer {
  readonly #listeners: ((event: ServerEvent) => void)[] = [];
  #state: ServerState = 'stopped';
  #context: StartContext;
  /** Scripts that are running. */
  #running = 0;
  /** As the module's file said when the server was started: another check holds from the next start on. */
  #checks: Pick<ResolvedScripts, 'check' | 'checkIntervalMs'>;
  #checking: { readonly timer: NodeJS.Timeout; readonly abort: AbortController } | null = null;
  #underWay: UnderWay | null = null;
  #stopping: Promise<StopOutcome> | null = null;
  /** The stop script has failed after a start that failed, or a death: parts of the server may run. */
  #hasLeftovers = false;

  constructor(private options: ScriptsServerOptions) {
    this.#context = { module: options.module, host: options.host, epoch: 0 };
    this.#checks = options.config;
  }

  readonly events = (listener: (event: ServerEvent) => void): void => {
    this.#listeners.push(listener);
  };

  readonly state = (): ServerState => this.#state;

  /** Daemons leave their script's process group: there is none that would stand for the server. */
  readonly processGroups = (): readonly number[] => [];

  reconfigure(config: ResolvedQemu | ResolvedScripts): void {
    if (config.kind === 'scripts') this.options = { ...this.options, config };
  }

  async start(context: StartContext, signal: AbortSignal): Promise<void> {
    if (this.#state !== 'stopped') {
      throw new ServerError('SERVER_START_FAILED', `The server is ${this.#state} already.`);
    }
    signal.throwIfAborted();
    this.#context = context;
    await this.#untilOver((asked) => this.#start(AbortSignal.any([signal, asked])));
  }

  async #start(signal: AbortSignal): Promise<void> {
    this.#change('starting');
    this.#checks = this.options.config;
    try {
      // Found out now, not at the moment when the server has to be stopped.
      await this.#checkPrograms();
      const result = await this.#run('start', this.options.config.start, signal);
      signal.throwIfAborted();
      if (result.code !== 0) throw this.#failure('start', result);
      this.#change('running');
    } catch (error) {
      await this.#clearFailedStart(error);
      this.#change('stopped');
      throw error;
    }
    this.#scheduleCheck();
  }

  /** Who comes while it is being stopped waits for the end of that: there is no other way. */
  stop(signal: AbortSignal): Promise<StopOutcome> {
    this.#stopping ??= this.#stop(signal).finally(() => (this.#stopping = null));
    return this.#stopping;
  }

  async #stop(signal: AbortSignal): Promise<StopOutcome> {
    const began = performance.now();
    const outcome = (how: StopOutcome['how']): StopOutcome => ({
      how,
      durationMs: Math.round(performance.now() - began),
    });
    const before = this.#underWay;
    if (before !== null) {
      const why = 'The start was ended: the server was stopped meanwhile.';
      before.asked.abort(new ServerError('SERVER_START_FAILED', why));
      await before.over;
    }
    const isGone = before === null || !this.#hasLeftovers;
    if (this.#state === 'stopped' && isGone) return outcome('wasNotRunning');
    this.#endChecks();
    this.#change('stopping');
    const result = await this.#run('stop', this.options.config.stop, signal);
    if (result.code !== 0) {
      // Still running, as far as anybody knows: saying "stopped" could start a second one elsewhere.
      this.#change('running');
      throw this.#failure('stop', result);
    }
    this.#change('stopped');
    return outcome('graceful');
  }

  /** There is no harder way than the stop script; it is run whatever the state, and its failure is an error. */
  async kill(): Promise<void> {
    await this.stop(new AbortController().signal);
  }

  handOver(): HandedServer | null {
    if (this.#state !== 'running' || this.#running > 0) return null;
    return { kind: 'scripts', epoch: this.#context.epoch };
  }

  adopt(handed: HandedServer): Promise<void> {
    if (handed.kind !== 'scripts') {
      return Promise.reject(new ServerError('SERVER_CONFIGURATION', 'The server is not one that scripts run.'));
    }
    this.#context = { ...this.#context, epoch: handed.epoch };
    this.#checks = this.options.config;
    this.#change('running');
    this.#scheduleCheck();
    return Promise.resolve();
  }

  /** Whether an earlier agent left the server running cannot be seen; the stop script ends it if so. */
  async reap(): Promise<readonly string[]> {
    if (this.#state !== 'stopped') return [];
    try {
      await scriptProgram(this.#script('stop', this.options.config.stop));
    } catch (error) {
      // Scripts in the mirrored directory are not there before the first copy; then nothing was started from here either.
      this.options.log((error as Error).message);
      return [];
    }
    const result = await this.#run(
      'stop',
      this.options.config.stop,
      AbortSignal.timeout(this.options.config.timeoutMs),
    );
    if (result.code !== 0) throw this.#failure('stop', result);
    return [`whatever the stop script of module ${this.options.module} found running`];
  }

  /** A start script that failed or was aborted half-way may have left parts of the server running. */
  async #clearFailedStart(error: unknown): Promise<void> {
    this.#hasLeftovers = false;
    if (error instanceof ServerError && error.code === 'SERVER_CONFIGURATION') return;
    await this.#stopQuietly(AbortSignal.timeout(this.options.config.timeoutMs));
  }

  async #stopQuietly(signal: AbortSignal): Promise<void> {
    this.#hasLeftovers = true;
    try {
      const result = await this.#run('stop', this.options.config.stop, signal);
      this.#hasLeftovers = result.code !== 0;
      if (this.#hasLeftovers) this.options.log(this.#failure('stop', result).message);
    } catch (error) {
      this.options.log(`The stop script failed: ${(error as Error).message}`);
    }
  }

  async #checkPrograms(): Promise<void> {
    const { start, stop, check } = this.options.config;
    await scriptProgram(this.#script('start', start));
    await scriptProgram(this.#script('stop', stop));
    if (check !== null) await scriptProgram(this.#script('check', check));
  }

  #script(action: ScriptAction, argv: readonly string[]): Script {
    const { directory } = this.options;
    return { action, title: `${action} script`, key: `server.scripts.${action}`, argv, directory };
  }

  async #run(action: ScriptAction, argv: readonly string[], signal: AbortSignal): Promise<ScriptResult> {
    const { module, host, epoch } = this.#context;
    const environment = {
      ...this.options.environment(),
      UNDERSTUDY_MODULE: module,
      UNDERSTUDY_HOST: host,
      UNDERSTUDY_EPOCH: String(epoch),
    };
    const { timeoutMs } = this.options.config;
    this.#running++;
    const call = { ...this.#script(action, argv), environment, timeoutMs, signal };
    const result = await runScript(call).finally(() => this.#running--);
    if (result.output !== '' && (action !== 'check' || result.code !== 0)) {
      for (const line of result.output.split('\n')) this.options.log(`${action} script: ${line}`);
    }
    return result;
  }

  #failure(action: ScriptAction, result: ScriptResult): ServerError {
    const how = describeFailure(result, this.options.config.timeoutMs, 'server.scripts.timeout');
    const code = result.timedOut ? 'SERVER_TIMEOUT' : 'SERVER_START_FAILED';
    return new ServerError(code, `The ${action} script of module ${this.options.module} ${how}`);
  }

  #scheduleCheck(): void {
    const { check, checkIntervalMs } = this.#checks;
    if (check === null) return;
    const abort = new AbortController();
    const timer = setTimeout(() => void this.#check(check, abort.signal), checkIntervalMs);
    this.#checking = { timer, abort };
  }

  async #check(argv: readonly string[], signal: AbortSignal): Promise<void> {
    let problem: string | null = null;
    try {
      const result = await this.#run('check', argv, signal);
      if (result.code !== 0) problem = this.#failure('check', result).message;
    } catch (error) {
      problem = (error as Error).message;
    }
    if (signal.aborted || this.#state !== 'running') return;
    if (problem === null) {
      this.#scheduleCheck();
      return;
    }
    this.#checking = null;
    const reason = problem;
    await this.#untilOver((asked) => this.#died(reason, signal, asked));
  }

  /** What is left of a server that failed its check is stopped before anyone starts it anew. */
  async #died(reason: string, signal: AbortSignal, asked: AbortSignal): Promise<void> {
    this.#change('stopping');
    await this.#stopQuietly(signal);
    this.#change('stopped');
    // Otherwise it is told by whoever stops it.
    if (!asked.aborted) for (const listener of this.#listeners) listener({ type: 'died', reason });
  }

  async #untilOver(work: (asked: AbortSignal) => Promise<void>): Promise<void> {
    const asked = new AbortController();
    const done = work(asked.signal);
    this.#underWay = { asked, over: done.catch(() => undefined) };
    await done.finally(() => (this.#underWay = null));
  }

  #endChecks(): void {
    if (this.#checking === null) return;
    clearTimeout(this.#checking.timer);
    this.#checking.abort.abort(new Error('The server is being stopped.'));
    this.#checking = null;
  }

  #change(state: ServerState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener({ type: 'state', state, detail: null });
  }
}
