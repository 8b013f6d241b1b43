import { access, constants, mkdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { ResolvedQemu, ResolvedScripts } from '../../../schemas/defaults.ts';
import { runOrFail } from '../../platform/children.ts';
import {
  ServerError,
  type HandedServer,
  type ServerEvent,
  type ServerState,
  type StartContext,
  type StopOutcome,
  type VirtualServer,
} from '../virtualServer.ts';
import { type AcceleratorDecision, decideAccelerator } from './accelerator.ts';
import { imageFiles, qemuArguments, type QemuFiles, qemuFiles, tapName } from './qemuArguments.ts';
import { type QmpClient, QmpError, type QmpEvent } from './qmpClient.ts';
import { QemuProcess, reapQemu } from './qemuProcess.ts';

export interface QemuServerOptions {
  readonly module: string;
  readonly host: string;
  readonly config: ResolvedQemu;
  /** The mirrored directory, absolute. */
  readonly directory: string;
  /** For the control socket, the pid file and QEMU's error output: this module's own folder, made when it is missing. At most 90 bytes long. */
  readonly runDirectory: string;
  /** Whether the guest gets a channel to an agent in it. */
  readonly hasGuestAgent: boolean;
  /** Where the answer of the accelerator's probe is kept; may be shared by all modules of the agent. */
  readonly cacheDirectory: string;
  /** One line for the agent's log. */
  readonly log: (line: string) => void;
}

/** A start under way. */
interface RunningStart {
  readonly abort: AbortController;
  /** When it has ended, and with it everything that it started. Never rejects. */
  readonly over: Promise<unknown>;
}

/** How long QEMU may take to end after QMP "quit": it drains and flushes its disks. Milliseconds. */
const quitTimeoutMs = 5000;
/** A guest that is still booting misses the power button; it is pressed again at this interval. Milliseconds. */
const powerButtonIntervalMs = 3000;
/** How long a QEMU that is taken over may take to answer. Milliseconds. */
const adoptTimeoutMs = 5000;
/** How often a guest that stands still because a disk was full tries again. Milliseconds. */
const fullDiskRetryMs = 2000;
/** QEMU closes its monitor shortly before it has ended. Milliseconds. */
const lastWordsMs = 2000;

/** A virtual server in a QEMU process of its own, controlled over QMP. */
export class QemuServer implements VirtualServer {
  readonly #listeners: ((event: ServerEvent) => void)[] = [];
  readonly #files: QemuFiles;
  #state: ServerState = 'stopped';
  #detail: string | null = null;
  #process: QemuProcess | null = null;
  #starting: RunningStart | null = null;
  #qmp: QmpClient | null = null;
  /** Why QEMU is about to end, as far as it told us. */
  #ending: string | null = null;
  #retry: NodeJS.Timeout | null = null;

  constructor(private options: QemuServerOptions) {
    this.#files = qemuFiles(options.runDirectory);
    // Asked now, the answer is there when a failover must not wait for it.
    this.#accelerator().catch((error: unknown) => this.options.log(`The accelerator is not decided: ${String(error)}`));
  }

  readonly events = (listener: (event: ServerEvent) => void): void => {
    this.#listeners.push(listener);
  };

  readonly state = (): ServerState => this.#state;

  readonly processGroups = (): readonly number[] => (this.#process === null ? [] : [this.#process.pid]);

  reconfigure(config: ResolvedQemu | ResolvedScripts): void {
    if (config.kind === 'qemu') this.options = { ...this.options, config };
  }

  async start(context: StartContext, signal: AbortSignal): Promise<void> {
    if (this.#state !== 'stopped') {
      throw new ServerError('SERVER_START_FAILED', `The server is ${this.#state} already.`);
    }
    signal.throwIfAborted();
    const abort = new AbortController();
    const start = this.#start(context, signal, abort.signal);
    const starting = { abort, over: start.catch(() => undefined) };
    this.#starting = starting;
    try {
      await start;
    } finally {
      if (this.#starting === starting) this.#starting = null;
    }
  }

  async #start(context: StartContext, asked: AbortSignal, ended: AbortSignal): Promise<void> {
    this.#change('starting', null);
    this.#ending = null;
    const limit = AbortSignal.any([asked, ended, AbortSignal.timeout(this.options.config.startTimeoutMs)]);
    try {
      // Not waited for after an abort: on a mirror that is frozen a look at a file takes until that ends.
      const { accelerator, reason } = await orAborted(limit, this.#prepare());
      const { config, directory, hasGuestAgent } = this.options;
      const names = { module: context.module, host: context.host, directory, files: this.#files, hasGuestAgent };
      this.options.log(`starting QEMU with ${accelerator} (${reason})`);
      const argv = qemuArguments(config, names, accelerator);
      const process = await QemuProcess.start(config.binary, argv, this.#files, limit);
      this.#process = process;
      void process.ended.then((how) => this.#processEnded(how));
      limit.throwIfAborted();
      // Whoever guards our process group learns of it before the guest's first instruction.
      this.#change('starting', 'QEMU is started');
      const qmp = await process.connect(limit, (event) => this.#handle(event));
      this.#qmp = qmp;
      await orAborted(limit, this.#plugIn(context.module));
      await this.#letRun(process, qmp, limit);
      this.#change('running', null);
    } catch (error) {
      await this.#forceEnd();
      this.#change('stopped', null);
      throw this.#explainStart(ended.aborted ? ended.reason : error, asked);
    }
  }

  async #prepare(): Promise<AcceleratorDecision> {
    await this.#checkFiles();
    const decision = await this.#accelerator();
    await mkdir(this.options.runDirectory, { recursive: true, mode: 0o700 });
    return decision;
  }

  async stop(signal: AbortSignal): Promise<StopOutcome> {
    const began = performance.now();
    const outcome = (how: StopOutcome['how']): StopOutcome => ({
      how,
      durationMs: Math.round(performance.now() - began),
    });
    const process = this.#process;
    if (this.#starting !== null) {
      await this.#endStart(this.#starting);
      return outcome(process === null ? 'wasNotRunning' : 'killed');
    }
    if (process === null) return outcome('wasNotRunning');
    // A guest that stands still cannot hear the power button.
    const canListen = this.#state === 'running';
    this.#change('stopping', null);
    if (canListen && (await this.#pressPowerButton(process, signal))) return outcome('graceful');
    await this.#qmp?.execute('quit').catch(() => undefined);
    if (await process.endsWithin(quitTimeoutMs)) return outcome('quit');
    await this.kill();
    return outcome('killed');
  }

  async kill(): Promise<void> {
    if (this.#starting !== null) await this.#endStart(this.#starting);
    if (this.#process === null) return;
    if (this.#state !== 'stopping') this.#change('stopping', 'killed');
    await this.#forceEnd();
  }

  handOver(): HandedServer | null {
    if (this.#state !== 'running' || this.#process === null) return null;
    return { kind: 'qemu', pid: this.#process.pid };
  }

  async adopt(handed: HandedServer): Promise<void> {
    if (handed.kind !== 'qemu') throw new ServerError('SERVER_CONFIGURATION', 'The server is not one that QEMU runs.');
    const process = QemuProcess.adopt(handed.pid, this.#files);
    this.#process = process;
    void process.ended.then((how) => this.#processEnded(how));
    const limit = AbortSignal.timeout(adoptTimeoutMs);
    this.#qmp = await process.connect(limit, (event) => this.#handle(event));
    const status = (await this.#qmp.execute('query-status')) as { status?: unknown } | undefined;
    if (status?.status !== 'running') {
      throw new ServerError('SERVER_START_FAILED', `QEMU does not run any more: it is ${String(status?.status)}.`);
    }
    this.#change('running', null);
  }

  async reap(): Promise<readonly string[]> {
    const own = this.#process?.pid ?? null;
    return reapQemu(this.options.module, this.#files, own);
  }

  async #endStart({ abort, over }: RunningStart): Promise<void> {
    abort.abort(new ServerError('SERVER_START_FAILED', 'The start was ended: the server was stopped meanwhile.'));
    this.#process?.kill();
    await over;
  }

  #accelerator(): Promise<AcceleratorDecision> {
    const { accelerator, binary, machine, cpu } = this.options.config;
    return decideAccelerator({
      setting: accelerator,
      binary,
      machine,
      cpu,
      cacheDirectory: this.options.cacheDirectory,
    });
  }

  async #checkFiles(): Promise<void> {
    for (const { key, file } of imageFiles(this.options.config, this.options.directory)) {
      try {
        await access(file, constants.R_OK);
      } catch (error) {
        const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read';
        throw new ServerError(
          'SERVER_IMAGE_MISSING',
          `${file} ${why} (key ${key} of module ${this.options.module}). Put the file there or correct the key.`,
          { cause: error },
        );
      }
    }
  }

  /** Connects the guest's cards to the host's bridges. */
  async #plugIn(module: string): Promise<void> {
    for (const [index, card] of this.options.config.networks.entries()) {
      const tap = tapName(module, index);
      try {
        await runOrFail('ip', ['link', 'set', 'dev', tap, 'master', card.bridge, 'up'], { timeoutMs: 5000 });
      } catch (error) {
        throw new ServerError(
          'SERVER_CONFIGURATION',
          `The network card ${index} cannot be connected to the bridge "${card.bridge}" (key server.qemu.networks[${index}].bridge): ` +
            `${(error as Error).message}. Create the bridge on this host or correct the key.`,
          { cause: error },
        );
      }
    }
  }

  /** Lets the guest go on and waits until QEMU says that it runs. */
  async #letRun(process: QemuProcess, qmp: QmpClient, limit: AbortSignal): Promise<void> {
    limit.throwIfAborted();
    try {
      await qmp.execute('cont');
      for (;;) {
        limit.throwIfAborted();
        const status = (await qmp.execute('query-status')) as { status?: unknown } | undefined;
        if (status?.status === 'running') return;
        await delay(10);
      }
    } catch (error) {
      // QEMU's own last words tell more than the end of the connection.
      if (!(error instanceof QmpError) || !(await process.endsWithin(lastWordsMs, limit))) throw error;
      throw new ServerError('SERVER_START_FAILED', `QEMU did not start: ${await process.ended}`, { cause: error });
    }
  }

  async #pressPowerButton(process: QemuProcess, signal: AbortSignal): Promise<boolean> {
    const end = performance.now() + this.options.config.shutdownTimeoutMs;
    while (performance.now() < end && !signal.aborted) {
      await this.#qmp?.execute('system_powerdown').catch(() => undefined);
      const wait = Math.min(powerButtonIntervalMs, end - performance.now());
      if (await process.endsWithin(wait, signal)) return true;
    }
    return false;
  }

  async #forceEnd(): Promise<void> {
    this.#process?.kill();
    await this.#process?.ended;
  }

  #handle({ event, data }: QmpEvent): void {
    if (event === 'BLOCK_IO_ERROR') this.#diskFailed(data);
    else if (event === 'GUEST_PANICKED') this.#ending = 'the guest panicked';
    else if (event === 'SHUTDOWN' && this.#ending === null) {
      if (data['guest'] === true) this.#ending = 'the guest shut itself down';
      else this.#ending = `QEMU was told to end (${String(data['reason'])})`;
    } else if (event === 'STOP' && this.#state === 'running') this.#change('paused', 'the guest stands still');
    else if (event === 'RESUME' && this.#state === 'paused') this.#resumed();
  }

  /** After a full disk the guest has to run for a while before it counts as running: it is let go again and again until there is room. */
  #resumed(): void {
    if (this.#retry === null) this.#change('running', null);
    else this.#setRetry(() => this.#change('running', null), fullDiskRetryMs / 2);
  }

  /** With werror=stop QEMU has stopped the guest and keeps the request; it is tried again when the guest goes on. */
  #diskFailed(data: QmpEvent['data']): void {
    // Disks that were made by -blockdev have a node name and no device name.
    const disk = String(data['node-name'] ?? data['device']);
    const what = `${String(data['operation'])} error on ${disk}: ${String(data['reason'])}`;
    if (this.#process === null) return;
    if (this.#state === 'stopping') {
      // QEMU has stopped the guest: it will not shut down any more.
      if (data['nospace'] !== true) this.#process.kill();
      return;
    }
    if (data['nospace'] === true) {
      if (this.#retry === null) this.options.log(`${what}; the guest waits and goes on when there is room again`);
      this.#change('paused', what);
      this.#setRetry(() => this.#qmp?.execute('cont').catch(() => undefined), fullDiskRetryMs);
      return;
    }
    // The disk is gone for this guest. Only a new start, here or on the other host, helps.
    this.#ending = what;
    this.#process.kill();
  }

  #setRetry(action: () => unknown, afterMs: number): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (this.#state === 'paused') action();
      if (this.#state === 'running') this.#retry = null;
    }, afterMs);
  }

  #processEnded(how: string): void {
    const unasked = this.#state === 'running' || this.#state === 'paused';
    const reason = this.#ending === null ? how : `${this.#ending} (${how})`;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    this.#qmp?.close();
    this.#qmp = null;
    this.#process = null;
    if (this.#state === 'starting') return;
    this.#change('stopped', null);
    if (unasked) this.#tell({ type: 'died', reason });
  }

  #explainStart(error: unknown, signal: AbortSignal): Error {
    if (signal.aborted) return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
    if (error instanceof ServerError) return error;
    if (error instanceof DOMException && error.name === 'TimeoutError') {
      const limit = `${this.options.config.startTimeoutMs} ms`;
      return new ServerError(
        'SERVER_TIMEOUT',
        `QEMU did not run within ${limit} (key server.qemu.startTimeout of module ${this.options.module}).`,
        { cause: error },
      );
    }
    return new ServerError('SERVER_START_FAILED', `QEMU did not start: ${(error as Error).message}`, { cause: error });
  }

  #change(state: ServerState, detail: string | null): void {
    if (state === this.#state && detail === this.#detail) return;
    this.#state = state;
    this.#detail = detail;
    this.#tell({ type: 'state', state, detail });
  }

  #tell(event: ServerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/** What `work` gives, or the signal's reason as soon as that is aborted; the work goes on then, and its result is not used. */
async function orAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
