import { join } from 'node:path';
import type { MaintenanceStatus } from '../../schemas/generated/api.ts';
import type { Maintenance, ToldMaintenance } from '../core/types.ts';
import { makeDirectoryDurably, readObjectIfExists, writeDurably } from '../platform/durable.ts';

const formatVersion = 1;

interface Kept extends Omit<Maintenance, 'until'> {
  /** By the clock on this host's wall, the only one that a restart outlasts. Null: an operator ended it. */
  readonly until: string | null;
}

/** The last maintenance of a module that this host has heard of, kept over restarts of the agent and the host. */
export class MaintenanceFile {
  readonly #file: string;
  #kept: Kept | null = null;
  #shown: MaintenanceStatus | null = null;

  constructor(stateDirectory: string) {
    makeDirectoryDurably(stateDirectory);
    this.#file = join(stateDirectory, 'maintenance.json');
  }

  /**
   * As it stands now. A wall's clock may be set while nobody looks: at most what the maintenance was to be is left of it.
   * @param now monotonic milliseconds
   */
  read(now: number, wallNow: number): Maintenance | null {
    const content = readObjectIfExists(this.#file);
    if (content === null) return null;
    const parsed = content as Partial<Kept> & { formatVersion?: unknown };
    const { sequence, until, forMs, reason = null, by } = parsed;
    const end = typeof until === 'string' ? Date.parse(until) : null;
    if (
      parsed.formatVersion !== formatVersion ||
      typeof sequence !== 'number' ||
      typeof forMs !== 'number' ||
      typeof by !== 'string' ||
      until === undefined ||
      Number.isNaN(end)
    ) {
      throw new Error(
        `${this.#file} is damaged or of another version than ${String(formatVersion)}: remove it, and begin the maintenance again with \`understudy maintenance\` if one is wanted`,
      );
    }
    this.#kept = { sequence, until, forMs, reason, by };
    const left = end === null ? 0 : Math.min(end - wallNow, forMs);
    return { sequence, until: end === null ? null : left > 0 ? now + left : -Infinity, forMs, reason, by };
  }

  save({ leftMs, ...rest }: ToldMaintenance, wallNow: number): void {
    const until = leftMs === null ? null : new Date(wallNow + leftMs).toISOString();
    const kept = { ...rest, until };
    writeDurably(this.#file, `${JSON.stringify({ formatVersion, ...kept })}\n`);
    this.#kept = kept;
  }

  /** For people; the same object as long as nothing of it has changed. */
  shown(isIn: boolean): MaintenanceStatus | null {
    if (!isIn || this.#kept === null || this.#kept.until === null) return null;
    const { until, reason, by } = this.#kept;
    if (this.#shown?.until !== until || this.#shown.by !== by || this.#shown.reason !== reason) {
      this.#shown = { until, reason, by };
    }
    return this.#shown;
  }
}
