import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectoryDurably, readObjectIfExists, removeDurably, writeDurably } from '../platform/durable.ts';

const formatVersion = 1;
export const keptVersions = 20;

/** The text of each file by its name, such as `web.module.jsonc`. */
export type Files = Readonly<Record<string, string>>;

/** The cluster and module files of a whole cluster, as they were applied together. */
export interface FileVersion {
  /** 0: what lay in the folder of this host before anything was applied. */
  readonly number: number;
  readonly hash: string;
  /** ISO 8601, clock of `host`. */
  readonly at: string;
  readonly by: string;
  /** The host on which it was applied. */
  readonly host: string;
  readonly note: string | null;
  readonly files: Files;
}

export function hashOfText(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** The same for the same files, whatever their order. */
export function hashOfFiles(files: Files): string {
  return hashOfText(JSON.stringify(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** Names of files that differ between two sets, those that only one of them has included. */
export function differingFiles(before: Files, after: Files): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.filter((name) => before[name] !== after[name]);
}

/** The last versions that were applied on this host, each in a file of its own in the state directory. The newest one is what it runs by. */
export class VersionStore {
  readonly #directory: string;

  constructor(stateDirectory: string) {
    this.#directory = join(stateDirectory, 'versions');
  }

  /** Null: nothing was ever applied here. @throws Error that says what to do about a damaged file */
  newest(): FileVersion | null {
    const number = this.#numbers().at(-1);
    return number === undefined || number === 0 ? null : this.read(number);
  }

  /** Null: it is not kept (any more). */
  read(number: number): FileVersion | null {
    const file = this.#file(number);
    const content = readObjectIfExists(file) as (Partial<FileVersion> & { formatVersion?: unknown }) | null;
    if (content === null) return null;
    const { hash, at = '', by = '', host = '', note = null, files } = content;
    if (content.formatVersion !== formatVersion || content.number !== number || !files || hash !== hashOfFiles(files)) {
      throw new Error(
        `${file} is damaged or of another format than ${String(formatVersion)}: ${this.#adviceOn(number)}, and start the agent again`,
      );
    }
    return { number, hash, at, by, host, note, files };
  }

  /** The one that this host ran by before that one, which need not have the number before. Null: it is not kept (any more). */
  before(number: number): FileVersion | null {
    const earlier = this.#numbers()
      .filter((each) => each < number)
      .at(-1);
    return earlier === undefined ? null : this.read(earlier);
  }

  /** Newest first; damaged ones are left out. */
  all(): readonly FileVersion[] {
    return this.#numbers()
      .reverse()
      .flatMap((number) => {
        try {
          return this.read(number) ?? [];
        } catch {
          return [];
        }
      });
  }

  /** Durable when this returns. Those beyond the last {@link keptVersions} are dropped. */
  save(version: FileVersion): void {
    makeDirectoryDurably(this.#directory);
    writeDurably(this.#file(version.number), `${JSON.stringify({ formatVersion, ...version })}\n`);
    for (const old of this.#numbers().slice(0, -keptVersions)) removeDurably(this.#file(old));
  }

  /** An agent that lost its newest version would run by the one before it: by an arbiter, say, that the other hosts do not ask any more. */
  #adviceOn(number: number): string {
    return number === this.#numbers().at(-1)
      ? 'put a copy of this file from another host in its place (do not remove it: the agent would run by an older version than the others)'
      : 'remove it (it is an earlier version than the one that the agent runs by)';
  }

  #file(number: number): string {
    return join(this.#directory, `${String(number)}.json`);
  }

  /** Oldest first. */
  #numbers(): number[] {
    let names: string[];
    try {
      names = readdirSync(this.#directory);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
    return names
      .flatMap((name) => /^(\d+)\.json$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }
}
