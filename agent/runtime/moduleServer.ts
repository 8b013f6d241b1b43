import type { CoreEvent, ModuleConfig } from '../core/types.ts';
import { ServerError, type ServerEvent, type ServerState, type VirtualServer } from '../server/virtualServer.ts';
import type { EventLog } from './eventLog.ts';

const killRetryMs = 1000;

export interface ModuleServerOptions {
  readonly config: ModuleConfig;
  readonly server: VirtualServer;
  readonly log: EventLog;
  readonly dispatch: (event: CoreEvent) => void;
  /** Has the mirror process kill these at the agent's death. */
  readonly guard: (processGroups: readonly number[]) => void;
  readonly onChange: () => void;
}

/** Starts and stops the server of one module, guards it from its first moment, and tells the core what becomes of it. */
export class ModuleServer {
  readonly #options: ModuleServerOptions;
  #starting: AbortController | null = null;
  #startedAt: Date | null;
  /** What the server says of its state, such as why it stands still. */
  #detail: string | null = null;

  /** @param startedAt when a server was started that runs already */
  constructor(options: ModuleServerOptions, startedAt: Date | null) {
    this.#options = options;
    this.#startedAt = startedAt;
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

  start(epoch: number): void {
    const { server, config, log, dispatch } = this.#options;
    const abort = new AbortController();
    this.#starting = abort;
    log.add('info', config.module, 'SERVER_STARTING', `${config.module} is started on ${config.self}`, { epoch });
    server.start({ module: config.module, host: config.self, epoch }, abort.signal).then(
      () => {
        this.#startedAt = new Date();
        this.#guard();
        dispatch({ type: 'serverRunning' });
      },
      (error: unknown) => {
        if (!abort.signal.aborted) {
          dispatch({
            type: 'serverFailed',
            reason: error instanceof Error ? error.message : String(error),
            lasting:
              error instanceof ServerError &&
              (error.code === 'SERVER_IMAGE_MISSING' || error.code === 'SERVER_CONFIGURATION'),
          });
        }
      },
    );
  }

  stop(): void {
    const { server, config, log, dispatch } = this.#options;
    this.#starting?.abort();
    server.stop(new AbortController().signal).then(
      ({ how, durationMs }) => {
        this.#startedAt = null;
        log.add('info', config.module, 'SERVER_STOPPED', `${config.module} is stopped on ${config.self} (${how})`, {
          durationMs: Math.round(durationMs),
        });
        dispatch({ type: 'serverStopped', how });
      },
      (error: unknown) => {
        log.add('error', config.module, 'SERVER_STOP_FAILED', `${String(error)}: it is killed`);
        this.#killUntilGone();
      },
    );
  }

  /** A start that is under way comes to nothing, and the core is not told of it. */
  giveUpStart(): void {
    this.#starting?.abort();
  }

  /** Resolves when nothing of the server runs any more: with null, or with what keeps it from being killed. */
  kill(): Promise<unknown> {
    return this.#options.server.kill().then(
      () => null,
      (error: unknown) => error,
    );
  }

  /** It was killed by whoever called {@link kill}. */
  noteKilled(): void {
    this.#startedAt = null;
  }

  /** Until it is known to be gone, nothing of the module is released. */
  #killUntilGone(): void {
    const { server, config, log, dispatch } = this.#options;
    server.kill().then(
      () => dispatch({ type: 'serverStopped', how: 'killed' }),
      (error: unknown) => {
        log.add('error', config.module, 'SERVER_KILL_FAILED', `${String(error)}: trying again`);
        setTimeout(() => this.#killUntilGone(), killRetryMs);
      },
    );
  }

  #onEvent(event: ServerEvent): void {
    if (event.type === 'died') {
      this.#startedAt = null;
      this.#detail = null;
      this.#guard();
      this.#options.dispatch({ type: 'serverFailed', reason: event.reason, lasting: false });
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
