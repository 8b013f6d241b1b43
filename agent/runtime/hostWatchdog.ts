import type { Role } from '../core/types.ts';
import { WatchdogDevice } from '../platform/watchdogDevice.ts';

export interface WatchedModule {
  readonly name: string;
  readonly core: { readonly role: Role };
  /** It is certain that nothing of its server runs here, and that nobody reaches it here. */
  readonly isServerGone: boolean;
}

export interface HostWatchdogOptions {
  readonly host: string;
  /** Null: none is used. */
  readonly device: string | null;
  readonly timeoutMs: number;
  readonly modules: () => readonly WatchedModule[];
  readonly log: (level: 'info' | 'warn' | 'error', code: string, message: string) => void;
}

/** A server that must not run here any more has so long to end; the other host may start it. */
export const endLimitMs = 10_000;
/** It is fed at least so many times in its time. */
const mealsPerTimeout = 4;
const longestMealMs = 5000;

/**
 * Feeds the hardware watchdog from the agent's main loop, as long as no server runs on that should have been killed: what the agent cannot end,
 * and an agent that hangs, the hardware ends by a reset of the host.
 */
export class HostWatchdog {
  readonly #options: HostWatchdogOptions;
  #device: WatchdogDevice | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** Since when modules have been ending what they served; each fence is another role. */
  readonly #fences = new Map<string, { readonly role: Role; readonly since: number }>();
  #hungerFor: string | null = null;

  constructor(options: HostWatchdogOptions) {
    this.#options = options;
  }

  /** Whether an earlier program left it running: then it has to be fed before anything else is done. */
  get isRunning(): boolean {
    return this.#options.device !== null && WatchdogDevice.isRunning(this.#options.device);
  }

  start(): void {
    const { device: file, timeoutMs, log, host } = this.#options;
    if (file === null || this.#device !== null) return;
    try {
      this.#device = WatchdogDevice.open(file, timeoutMs);
    } catch (error) {
      log('warn', 'WATCHDOG_UNUSABLE', `${file} is not used: ${whyNot(error)}`);
      return;
    }
    const { identity, timeoutMs: set, canBeStopped } = this.#device;
    const name = identity === null ? file : `${file} (${identity})`;
    const time = set === null ? 'its own time, as it takes no other' : `${String(set / 1000)} s`;
    const never = canBeStopped ? '' : '; it cannot be stopped, so a stop of the agent for longer resets the host, too';
    log('info', 'WATCHDOG', `${name} resets ${host} when the agent gives no sign of life for ${time}${never}`);
    const mealMs = Math.min(longestMealMs, (set ?? timeoutMs) / mealsPerTimeout);
    // It keeps nothing alive: an agent that cannot start has to end.
    this.#timer = setInterval(() => this.feed(), mealMs).unref();
    this.feed();
  }

  /** Called by its own timer. */
  feed(): void {
    const { log, host } = this.#options;
    if (this.#device === null) return;
    const overdue = this.#overdue();
    if (overdue !== null) {
      if (this.#hungerFor === null) {
        const why = `${overdue} could not be ended on ${host} for ${String(endLimitMs / 1000)} s, and its other host may start it`;
        log('error', 'WATCHDOG_STARVED', `${why}: the watchdog is not fed any more and resets the host`);
      }
      this.#hungerFor = overdue;
      return;
    }
    if (this.#hungerFor !== null) {
      log('warn', 'WATCHDOG_FED', `${this.#hungerFor} has ended: the watchdog is fed again`);
    }
    this.#hungerFor = null;
    try {
      this.#device.feed();
    } catch (error) {
      log('error', 'WATCHDOG_UNUSABLE', `the watchdog cannot be fed: ${String(error)}`);
    }
  }

  /** The agent stops in order. One that waits for a server to end is left running. */
  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    if (this.#device === null || this.#overdue() !== null) return;
    this.#device.close();
    this.#device = null;
  }

  /**
   * A module whose server should have ended; null: there is none. One of which only the mirror has not ended, as on a disk that does not answer,
   * is no danger to the other host, and no reason to end all that this one serves: nobody is there who would be told that a write is durable.
   */
  #overdue(): string | null {
    const now = performance.now();
    let found: string | null = null;
    for (const { name, core, isServerGone } of this.#options.modules()) {
      const { role } = core;
      if (role.at !== 'fencing' || isServerGone) {
        this.#fences.delete(name);
        continue;
      }
      const known = this.#fences.get(name);
      const since = known?.role === role ? known.since : now;
      this.#fences.set(name, { role, since });
      if (now - since >= endLimitMs) found ??= name;
    }
    return found;
  }
}

function whyNot(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'EBUSY') {
    return 'another program holds it (RuntimeWatchdogSec of systemd, or the watchdog daemon): let it go there, or set "watchdog" to "off"';
  }
  if (code === 'ENOENT') {
    return 'there is no such device: load the driver of the hardware, or softdog, or set "watchdog" to "off"';
  }
  return error instanceof Error ? error.message : String(error);
}
