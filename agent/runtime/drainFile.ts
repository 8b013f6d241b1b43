import { join } from 'node:path';
import { makeDirectoryDurably, readIfExists, removeDurably, writeDurably } from '../platform/durable.ts';

const formatVersion = 1;

/** That an operator has drained this host, kept over restarts of the agent and the host: the file is there, whatever is in it. */
export class DrainFile {
  readonly #file: string;

  constructor(stateDirectory: string) {
    makeDirectoryDurably(stateDirectory);
    this.#file = join(stateDirectory, 'drained.json');
  }

  isDrained(): boolean {
    return readIfExists(this.#file) !== null;
  }

  save(by: string, at: Date): void {
    writeDurably(this.#file, `${JSON.stringify({ formatVersion, at: at.toISOString(), by })}\n`);
  }

  remove(): void {
    removeDurably(this.#file);
  }
}
