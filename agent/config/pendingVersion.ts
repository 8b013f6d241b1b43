import { join } from 'node:path';
import { makeDirectoryDurably, readObjectIfExists, removeDurably, writeDurably } from '../platform/durable.ts';

const formatVersion = 1;

/** A version with another arbiter that this host has agreed to. Until it knows what became of it, it may start no module: by which arbiter? */
export interface PendingVersion {
  readonly number: number;
  readonly proposal: string;
  /** Who decides. */
  readonly host: string;
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
    const { number, proposal, host } = content;
    if (
      content['formatVersion'] !== formatVersion ||
      typeof number !== 'number' ||
      typeof proposal !== 'string' ||
      typeof host !== 'string'
    ) {
      throw new Error(
        `${this.path} is damaged or of another format than ${String(formatVersion)}: remove it when all other hosts show the same version of the files as this one`,
      );
    }
    return { number, proposal, host };
  }

  save(pending: PendingVersion): void {
    makeDirectoryDurably(this.#directory);
    writeDurably(this.path, `${JSON.stringify({ formatVersion, ...pending })}\n`);
  }

  remove(): void {
    removeDurably(this.path);
  }
}
