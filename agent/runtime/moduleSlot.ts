import type { ResolvedModule } from '../../schemas/defaults.ts';
import type { EventLog } from './eventLog.ts';
import type { ModuleRuntime } from './moduleRuntime.ts';

const retryMs = 5000;

/** A configured module and its runtime on this host; without one while it cannot be opened (then tried again), or on hosts outside its pair. */
export class ModuleSlot {
  #module: ResolvedModule;
  #open: (() => Promise<ModuleRuntime>) | null;
  #runtime: ModuleRuntime | null = null;
  #failure: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  /** Another program is about to take this agent over: nothing is opened until that has failed. */
  #isResting = false;
  /** Why it must not be opened now. */
  #held: string | null = null;
  /** Another one whenever the module's file is: what is being opened by an older one is not wanted any more. */
  #edition = 0;
  /** What is under way; changes of the file wait for it. */
  #turn: Promise<void> = Promise.resolve();

  constructor(
    module: ResolvedModule,
    open: (() => Promise<ModuleRuntime>) | null,
    /** The first time, where an earlier program of this process served the module; it is tried once. */
    private adopt: (() => Promise<ModuleRuntime>) | null,
    private readonly log: EventLog,
    private readonly onChange: () => void,
  ) {
    this.#module = module;
    this.#open = open;
  }

  get module(): ResolvedModule {
    return this.#module;
  }

  /** Whether this host is one of the module's pair. */
  get isOurs(): boolean {
    return this.#open !== null;
  }

  get runtime(): ModuleRuntime | null {
    return this.#runtime;
  }

  /** Whether an earlier program of this process has served the module, and it was not taken over yet. */
  get isServedAlready(): boolean {
    return this.adopt !== null;
  }

  /** Whether nothing of the module runs on this host, nor is to. */
  get isStopped(): boolean {
    return this.#runtime?.isStopped ?? this.adopt === null;
  }

  /** Why another arbiter would not know enough of the module; null: it would. */
  get arbiterHindrance(): string | null {
    if (!this.isOurs || this.#held !== null) return null;
    return this.#runtime
      ? this.#runtime.arbiterHindrance
      : `${this.module.name} is not open here (${this.#failure ?? 'yet'})`;
  }

  /** Why the module could not be opened, for people. */
  get failure(): string | null {
    return this.#failure;
  }

  start(): Promise<void> {
    return this.#inTurn(() => this.#start());
  }

  async #start(): Promise<void> {
    if (!this.#open || this.#closed || this.#isResting || this.#runtime || this.#held !== null) return;
    if (this.#timer) clearTimeout(this.#timer);
    const edition = this.#edition;
    try {
      const runtime = await (this.adopt ?? this.#open)();
      this.#failure = null;
      this.#runtime = runtime;
      if (this.#closed) await runtime.close();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.#failure) this.log.add('error', this.module.name, 'MODULE_NOT_OPENED', reason);
      this.#failure = reason;
      const isWanted = !this.#closed && !this.#isResting;
      if (isWanted && edition === this.#edition) this.#timer = setTimeout(() => void this.start(), retryMs);
    } finally {
      this.adopt = null;
    }
    this.onChange();
  }

  /**
   * The module's file is another one.
   * @param goOn tells a runtime that goes on; null: it is closed, as the module is stopped, and opened anew
   */
  change(
    module: ResolvedModule,
    open: (() => Promise<ModuleRuntime>) | null,
    goOn: ((runtime: ModuleRuntime) => void) | null,
  ): Promise<void> {
    this.#module = module;
    this.#open = open;
    this.#edition++;
    const { adopt } = this;
    if (adopt && goOn) {
      // What runs is what an earlier program started by the file as it was.
      this.adopt = async () => {
        const runtime = await adopt();
        goOn(runtime);
        return runtime;
      };
    }
    if (this.#runtime && goOn) {
      goOn(this.#runtime);
      this.onChange();
      return Promise.resolve();
    }
    return this.#inTurn(async () => {
      if (this.#runtime && goOn) goOn(this.#runtime);
      else {
        const runtime = this.#runtime;
        this.#runtime = null;
        this.#failure = this.#held;
        await runtime?.close();
        await this.#start();
      }
    });
  }

  /** Closes the module, which is stopped, and opens it only when it is held no more (null). */
  hold(reason: string | null): Promise<void> {
    if (this.#held === reason) return Promise.resolve();
    this.#held = reason;
    return this.#inTurn(async () => {
      if (this.#timer) clearTimeout(this.#timer);
      this.#failure = reason;
      if (reason === null) await this.#start();
      else {
        const runtime = this.#runtime;
        this.#runtime = null;
        await runtime?.close();
      }
      this.onChange();
    });
  }

  /**
   * Closes the module, unless it is served here, and opens it only with {@link resume}. Rejects while what is left of it here is being ended:
   * that is tried until it is done.
   */
  rest(): Promise<void> {
    this.#isResting = true;
    if (this.#timer) clearTimeout(this.#timer);
    return this.#inTurn(async () => {
      const runtime = this.#runtime;
      if (!runtime || runtime.isPrimary) return;
      if (runtime.isFencing) throw new Error(`${this.module.name} is being ended here: try again when it is`);
      this.#runtime = null;
      await runtime.close();
    });
  }

  resume(): Promise<void> {
    this.#isResting = false;
    return this.start();
  }

  async shutdown(timeoutMs: number): Promise<void> {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#runtime?.shutdown(timeoutMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#runtime?.close();
    this.#runtime = null;
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
