import { isSave, type Save } from '../core/unsaved.ts';
import type { Effect } from '../core/types.ts';
import type { EventLog } from './eventLog.ts';
import type { FailoversFile } from './failoversFile.ts';
import type { MaintenanceFile } from './maintenanceFile.ts';
import type { DesiredFile, DetectionFile, ResolutionFile } from './moduleState.ts';

const retryMs = 1000;
/** That nothing can be saved is said again after this long. */
const tellAgainMs = 60_000;

export interface ModuleSavesOptions {
  readonly module: string;
  readonly desired: DesiredFile;
  readonly resolution: ResolutionFile;
  readonly maintenance: MaintenanceFile;
  readonly promisedDetection: DetectionFile;
  readonly failovers: FailoversFile;
  readonly log: EventLog;
  /** Some time after something could not be saved: what was put off may be tried again. */
  readonly onRetry: () => void;
}

/** What the core of one module keeps over restarts of the agent and the host: durable before anything is done by it. */
export class ModuleSaves {
  readonly #options: ModuleSavesOptions;
  /** Acted upon already. The newest of a kind takes the place of the one before. */
  readonly #owed = new Map<Save['type'], Save>();
  #timer: NodeJS.Timeout | null = null;
  #toldAt = -Infinity;

  constructor(options: ModuleSavesOptions) {
    this.#options = options;
  }

  /** Saves, in its order, what a step of the core says. Null: all of it is durable; otherwise why it is not, and the step must not be taken. */
  save(effects: readonly Effect[]): string | null {
    try {
      for (const effect of effects) {
        if (!isSave(effect)) continue;
        this.#write(effect);
        this.#owed.delete(effect.type);
      }
      return null;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#tell(reason);
      this.#timer ??= setTimeout(() => this.#retry(), retryMs).unref();
      return reason;
    }
  }

  /** What a step saves that was taken although this failed. */
  owe(effects: readonly Effect[]): void {
    for (const effect of effects) if (isSave(effect)) this.#owed.set(effect.type, effect);
  }

  /** Saves what is acted upon already, now or as soon as that works. */
  keep(effects: readonly Effect[]): void {
    if (this.save(effects) !== null) this.owe(effects);
  }

  end(): void {
    if (this.#timer) clearTimeout(this.#timer);
  }

  #retry(): void {
    this.#timer = null;
    this.save([...this.#owed.values()]);
    this.#options.onRetry();
  }

  #tell(reason: string): void {
    const now = performance.now();
    if (now - this.#toldAt < tellAgainMs) return;
    this.#toldAt = now;
    const { log, module } = this.#options;
    const advice = `make room for the agent's state, or mend its disk`;
    log.add('error', module, 'NOT_SAVED', `what is kept of ${module} could not be made durable (${reason}): ${advice}`);
  }

  #write(effect: Save): void {
    const { desired, resolution, maintenance, promisedDetection, failovers } = this.#options;
    switch (effect.type) {
      case 'saveDesired':
        desired.save(effect.desired);
        return;
      case 'saveResolution':
        resolution.save(effect.resolution);
        return;
      case 'saveMaintenance':
        maintenance.save(effect.maintenance, Date.now());
        return;
      case 'savePromisedDetection':
        promisedDetection.save(effect.promisedMs);
        return;
      case 'saveFailovers':
        failovers.save(effect.agesMs, Date.now());
        return;
    }
  }
}
