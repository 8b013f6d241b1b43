import { join } from 'node:path';
import type { Desired, Resolution } from '../core/types.ts';
import { makeDirectoryDurably, readObjectIfExists, writeDurably } from '../platform/durable.ts';

const formatVersion = 1;

/** What an operator asked for last, kept over restarts of the agent and the host. */
export class DesiredFile {
  readonly #file: string;

  constructor(stateDirectory: string) {
    makeDirectoryDurably(stateDirectory);
    this.#file = join(stateDirectory, 'desired.json');
  }

  /** A module that was never asked about is to be started: it was put here to run. */
  read(): Desired {
    const parsed = readObjectIfExists(this.#file);
    if (parsed === null) return { value: 'started', sequence: 0 };
    const { value, sequence, stay, anyway, parked } = parsed;
    if (
      parsed['formatVersion'] !== formatVersion ||
      (value !== 'started' && value !== 'stopped') ||
      typeof sequence !== 'number'
    ) {
      throw new Error(
        `${this.#file} is damaged or of another version than ${String(formatVersion)}: remove it and say again what is wanted with \`understudy start\` or \`stop\``,
      );
    }
    return {
      value,
      sequence,
      ...(typeof stay === 'string' && { stay }),
      ...(anyway === true && { anyway }),
      ...(typeof parked === 'string' && { parked }),
    };
  }

  save(desired: Desired): void {
    writeDurably(this.#file, `${JSON.stringify({ formatVersion, ...desired })}\n`);
  }
}

/** How an operator settled a divergence, kept over restarts of the agent and the host: it is carried out to its end. */
export class ResolutionFile {
  readonly #file: string;

  constructor(stateDirectory: string) {
    makeDirectoryDurably(stateDirectory);
    this.#file = join(stateDirectory, 'resolution.json');
  }

  /** Null: no divergence was ever settled here. */
  read(): Resolution | null {
    const content = readObjectIfExists(this.#file);
    if (content === null) return null;
    const parsed = content as Partial<Resolution> & { formatVersion?: unknown };
    const { sequence, keep = null, lost = null } = parsed;
    if (parsed.formatVersion !== formatVersion || typeof sequence !== 'number') {
      throw new Error(
        `${this.#file} is damaged or of another version than ${String(formatVersion)}: remove it, and resolve the divergence again if one is shown`,
      );
    }
    return { sequence, keep, lost };
  }

  save(resolution: Resolution): void {
    writeDurably(this.#file, `${JSON.stringify({ formatVersion, ...resolution })}\n`);
  }
}

/** Which detection time the other host may still count on, kept over restarts of the agent and the host: see core/detection.ts. */
export class DetectionFile {
  readonly #file: string;

  constructor(stateDirectory: string) {
    makeDirectoryDurably(stateDirectory);
    this.#file = join(stateDirectory, 'detection.json');
  }

  /** Milliseconds; null: no program has opened the module here yet. */
  read(): number | null {
    const parsed = readObjectIfExists(this.#file);
    if (parsed === null) return null;
    const { promisedMs } = parsed;
    if (parsed['formatVersion'] !== formatVersion || typeof promisedMs !== 'number') {
      throw new Error(
        `${this.#file} is damaged or of another version than ${String(formatVersion)}: remove it while the module is stopped on the other host`,
      );
    }
    return promisedMs;
  }

  save(promisedMs: number): void {
    writeDurably(this.#file, `${JSON.stringify({ formatVersion, promisedMs })}\n`);
  }
}
