import { join } from 'node:path';
import { makeDirectoryDurably, readObjectIfExists, removeDurably, writeDurably } from '../platform/durable.ts';

const formatVersion = 1;

/**
 * A version that this host has agreed to, and that changes what must not change while a module runs: its arbiter, its hosts, its directories. Until
 * this host knows what became of it, it may start none of these modules: by which arbiter, in which directories?
 */
export interface PendingVersion {
  readonly number: number;
  /** Of the files. */
  readonly hash: string;
  readonly proposal: string;
  /** Who decides. */
  readonly host: string;
  /** Null: all of this host, as their arbiter changes. */
  readonly modules: readonly string[] | null;
}

export class PendingFile {
  readonly path: string;
  readonly #directory: string;

  constructor(stateDirectory: string) {
    this.#directory = join(stateDirectory, 'versions');
    this.path = join(this.#directory, 'pending.json');
  }

  /** @throws Error that says what to do about a damaged file */
  read(): PendingVersion | null {
    const content = readObjectIfExists(this.path);
    if (content === null) return null;
    const { number, hash, proposal, host, modules = null } = content;
    if (
      content['formatVersion'] !== formatVersion ||
      typeof number !== 'number' ||
      typeof hash !== 'string' ||
      typeof proposal !== 'string' ||
      typeof host !== 'string' ||
      (modules !== null && !isNames(modules))
    ) {
      throw new Error(
        `${this.path} is damaged or of another format than ${String(formatVersion)}: remove it when all other hosts show the same version of the files as this one`,
      );
    }
    return { number, hash, proposal, host, modules };
  }

  save(pending: PendingVersion): void {
    makeDirectoryDurably(this.#directory);
    writeDurably(this.path, `${JSON.stringify({ formatVersion, ...pending })}\n`);
  }

  remove(): void {
    removeDurably(this.path);
  }
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
