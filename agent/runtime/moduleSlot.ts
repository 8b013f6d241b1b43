import type { ResolvedModule } from '../../schemas/defaults.ts';
import type { EventLog } from './eventLog.ts';
import type { ModuleRuntime } from './moduleRuntime.ts';

const retryMs = 5000;

/** A configured module and its runtime on this host; without one while it cannot be opened (then tried again), or on hosts outside its pair. */
export class ModuleSlot {
  #runtime: ModuleRuntime | null = null;
  #failure: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(
    readonly module: ResolvedModule,
    private readonly open: (() => Promise<ModuleRuntime>) | null,
    /** The first time, where an earlier program of this process served the module; it is tried once. */
    private adopt: (() => Promise<ModuleRuntime>) | null,
    private readonly log: EventLog,
    private readonly onChange: () => void,
  ) {}

  /** Whether this host is one of the module's pair. */
  get isOurs(): boolean {
    return this.open !== null;
  }

  get runtime(): ModuleRuntime | null {
    return this.#runtime;
  }

  /** Why the module could not be opened, for people. */
  get failure(): string | null {
    return this.#failure;
  }

  async start(): Promise<void> {
    if (!this.open || this.#closed) return;
    try {
      const { adopt } = this;
      this.adopt = null;
      const runtime = await (adopt ?? this.open)();
      this.#failure = null;
      this.#runtime = runtime;
      if (this.#closed) await runtime.close();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.#failure) this.log.add('error', this.module.name, 'MODULE_NOT_OPENED', reason);
      this.#failure = reason;
      if (!this.#closed) this.#timer = setTimeout(() => void this.start(), retryMs);
    }
    this.onChange();
  }

  async shutdown(timeoutMs: number): Promise<void> {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#runtime?.shutdown(timeoutMs);
  }

  async close(): Promise<void> {
    await this.#runtime?.close();
    this.#runtime = null;
  }
}
