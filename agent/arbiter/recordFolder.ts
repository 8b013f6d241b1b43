import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectoryDurably, putInPlace, readIfExists, syncDirectory } from '../platform/durable.ts';
import type { RecordPlace } from './recordPlace.ts';

/** Records in a folder, one file each. */
export class RecordFolder implements RecordPlace {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    makeDirectoryDurably(directory);
  }

  has(module: string): boolean {
    return existsSync(this.nameOf(module));
  }

  read(module: string): string | null {
    return readIfExists(this.nameOf(module))?.toString('utf8') ?? null;
  }

  put(module: string, text: string): void {
    putInPlace(this.nameOf(module), text);
  }

  settle(): void {
    syncDirectory(this.#directory);
  }

  nameOf(module: string): string {
    return join(this.#directory, `${module}.json`);
  }
}

/** The modules that have a record in such a folder. */
export function recordedModules(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory).filter((name) => /^[^.].*\.json$/.test(name));
  return names.map((name) => name.slice(0, -'.json'.length)).sort();
}
