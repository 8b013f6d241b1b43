import { AddressError } from '../addresses/addressError.ts';
import type { VirtualAddresses } from '../addresses/virtualAddresses.ts';
import type { CoreEvent, ModuleConfig } from '../core/types.ts';
import {
  ServerError,
  type ServerEvent,
  type ServerState,
  type StopOutcome,
  type VirtualServer,
} from '../server/virtualServer.ts';
import type { EventLog } from './eventLog.ts';
import { HookRefusal, type ModuleHooks } from './moduleHooks.ts';

const retryMs = 1000;

export interface ModuleServerOptions {
  readonly config: ModuleConfig;
  readonly server: VirtualServer;
  /** Set before the server starts, removed when it has stopped. */
  readonly addresses: VirtualAddresses;
  readonly hooks: ModuleHooks;
  readonly log: EventLog;
  readonly dispatch: (event: CoreEvent) => void;
  /** Has the mirror process kill these at the agent's death. */
  readonly guard: (processGroups: readonly number[]) => void;
  readonly onChange: () => void;
}

/** Starts and stops the server of one module with its virtual addresses, guards it from its first moment, and tells the core what becomes of it. */
export class ModuleServer {
  readonly #options: ModuleServerOptions;
  #starting: AbortController | null = null;
  /** A stop in order that waits for its hook. */
  #stopping: AbortController | null = null;
  /** By which epoch a start was begun; null: the end of the last one was told to the hooks. */
  #epoch: number | null;
  /** Counts what was started here: whatever is still to be done for one that is over must not meet the next one. */
  #life = 0;
  #isGone = false;
  #startedAt: Date | null;
  /** What the server says of its state, such as why it stands still. */
  #detail: string | null = null;

  /** @param running a server that runs already */
  constructor(options: ModuleServerOptions, running: { readonly startedAt: Date; readonly epoch: number } | null) {
    this.#options = options;
    this.#startedAt = running?.startedAt ?? null;
    this.#epoch = running?.epoch ?? null;
    options.server.events((event) => this.#onEvent(event));
  }

  get state(): ServerState {
    return this.#options.server.state();
  }

  get startedAt(): Date | null {
    return this.#startedAt;
  }

  get detail(): string | null {
    return this.#detail;
  }

  /** A {@link kill} has ended all of it, and it was not started since. */
  get isGone(): boolean {
    return this.#isGone;
  }

  start(epoch: number): void {
    const { config, log, dispatch, hooks } = this.#options;
    const abort = new AbortController();
    this.#starting = abort;
    this.#epoch = epoch;
    this.#life++;
    this.#isGone = false;
    log.add('info', config.module, 'SERVER_STARTING', `${config.module} is started on ${config.self}`, { epoch });
    this.#bringUp(epoch, abort.signal).then(
      () => {
        this.#startedAt = new Date();
        this.#guard();
        dispatch({ type: 'serverRunning' });
        hooks.after('afterPrimary', epoch);
      },
      (error: unknown) => {
        if (!abort.signal.aborted) this.#failed(messageOf(error), isLasting(error));
      },
    );
  }

  async #bringUp(epoch: number, signal: AbortSignal): Promise<void> {
    const { server, addresses, hooks, config } = this.#options;
    await hooks.before('beforePrimary', epoch, signal);
    signal.throwIfAborted();
    await addresses.set(signal);
    signal.throwIfAborted();
    await server.start({ module: config.module, host: config.self, epoch }, signal);
  }

  stop(): void {
    const { config, log } = this.#options;
    this.#starting?.abort();
    const life = this.#life;
    this.#stopInOrder().then(
      (outcome) => {
        if (outcome === null || life !== this.#life) return;
        const { how, durationMs } = outcome;
        this.#startedAt = null;
        log.add('info', config.module, 'SERVER_STOPPED', `${config.module} is stopped on ${config.self} (${how})`, {
          durationMs: Math.round(durationMs),
        });
        this.#stopped(how);
      },
      (error: unknown) =>
        this.#unlessOver(life, () => {
          log.add('error', config.module, 'SERVER_STOP_FAILED', `${String(error)}: it is killed`);
          this.#killUntilGone();
        }),
    );
  }

  /** Null: the server was killed, or died, while a hook was waited for; whoever learns of that tells the core. */
  async #stopInOrder(): Promise<StopOutcome | null> {
    const { server, hooks } = this.#options;
    if (server.state() === 'running' || server.state() === 'paused') {
      const stopping = new AbortController();
      this.#stopping = stopping;
      await hooks.before('beforeStop', this.#epoch ?? 0, stopping.signal);
      if (stopping.signal.aborted) return null;
      this.#stopping = null;
    }
    return server.stop(new AbortController().signal);
  }

  /** A start that is under way comes to nothing, and the core is not told of it. */
  giveUpStart(): void {
    this.#starting?.abort();
  }

  /**
   * Resolves when nothing of the server runs any more, and nobody reaches it by its addresses: with null, or with what keeps that from being
   * brought about. Addresses do not wait for the server: it may take its time.
   */
  kill(): Promise<unknown> {
    const { server, addresses } = this.#options;
    this.#stopping?.abort();
    const life = this.#life;
    return Promise.all([server.kill(), addresses.remove()]).then(
      () => {
        this.#unlessOver(life, () => (this.#isGone = true));
        return null;
      },
      (error: unknown) => error,
    );
  }

  /** It was killed by whoever called {@link kill}. */
  noteKilled(): void {
    this.#life++;
    this.#startedAt = null;
    this.#ended('killed: this host may not run it any more');
  }

  /** Until it is known to be gone, nothing of the module is released. */
  #killUntilGone(): void {
    const { server, config, log } = this.#options;
    const life = this.#life;
    server.kill().then(
      () => this.#unlessOver(life, () => this.#stopped('killed')),
      (error: unknown) =>
        this.#unlessOver(life, () => {
          log.add('error', config.module, 'SERVER_KILL_FAILED', `${String(error)}: trying again`);
          this.#tryAgain(() => this.#killUntilGone());
        }),
    );
  }

  /** After a pause; not when another host was given the module meanwhile, which ends what is left here in its own way. */
  #tryAgain(retry: () => void): void {
    const life = this.#life;
    setTimeout(() => this.#unlessOver(life, retry), retryMs);
  }

  #unlessOver(life: number, act: () => void): void {
    if (life === this.#life) act();
  }

  #stopped(how: StopOutcome['how']): void {
    this.#withoutAddresses(() => {
      this.#ended(how);
      this.#options.dispatch({ type: 'serverStopped', how });
    });
  }

  /** Whatever comes next, another host may have the addresses then. */
  #failed(reason: string, lasting: boolean): void {
    this.#withoutAddresses(() => {
      this.#ended(reason);
      this.#options.dispatch({ type: 'serverFailed', reason, lasting });
    });
  }

  /** Before the core learns of it, which may start it anew at once. */
  #ended(reason: string): void {
    if (this.#epoch === null) return;
    this.#options.hooks.after('afterStop', this.#epoch, reason);
    this.#epoch = null;
  }

  /** Goes on when the addresses are known to be removed. */
  #withoutAddresses(goOn: () => void): void {
    const { addresses, config, log } = this.#options;
    if (!addresses.mayBeSet) {
      goOn();
      return;
    }
    const life = this.#life;
    addresses.remove().then(
      () => this.#unlessOver(life, goOn),
      (error: unknown) =>
        this.#unlessOver(life, () => {
          log.add('error', config.module, 'ADDRESS_NOT_REMOVED', `${messageOf(error)}: trying again`);
          this.#tryAgain(() => this.#withoutAddresses(goOn));
        }),
    );
  }

  #onEvent(event: ServerEvent): void {
    if (event.type === 'died') {
      this.#stopping?.abort();
      this.#startedAt = null;
      this.#detail = null;
      this.#guard();
      this.#failed(event.reason, false);
    } else {
      this.#detail = event.detail;
      // Guarded from its first moment: should this agent die, the mirror process kills what it would leave behind.
      this.#guard();
      this.#options.onChange();
    }
  }

  #guard(): void {
    this.#options.guard(this.#options.server.processGroups());
  }
}

/** No restart and no other host would mend it. */
function isLasting(error: unknown): boolean {
  if (error instanceof AddressError || error instanceof HookRefusal) return error.lasting;
  return (
    error instanceof ServerError && (error.code === 'SERVER_IMAGE_MISSING' || error.code === 'SERVER_CONFIGURATION')
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
