import type { EventCount } from '../api/facade.ts';
import type { EventLog } from './eventLog.ts';

/** Counts the events of a log since the agent started, for monitoring. */
export class EventCounts {
  readonly #counts = new Map<string, EventCount>();

  /** @param isModule clients may name what is none: that must not become a series of its own */
  constructor(log: Pick<EventLog, 'onEntries'>, isModule: (name: string) => boolean) {
    log.onEntries((entries) => {
      for (const { module, level, code } of entries) {
        this.#count(module !== null && isModule(module) ? module : null, level, code);
      }
    });
  }

  get all(): readonly EventCount[] {
    return [...this.#counts.values()];
  }

  #count(module: string | null, level: EventCount['level'], code: string): void {
    const key = [module ?? '', level, code].join(' ');
    const before = this.#counts.get(key)?.count ?? 0;
    this.#counts.set(key, { module, level, code, count: before + 1 });
  }
}
