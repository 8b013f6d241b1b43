import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ArbiterRecord } from '../core/types.ts';
import { makeDirectoryDurably, readIfExists, syncDirectory, writeDurably } from '../platform/durable.ts';
import type { ProposeResult } from './arbiter.ts';
import { compareAndSet } from './compareAndSet.ts';
import type { RecordRoom } from './recordRoom.ts';
import { readRecord, RecordError, writeRecord } from './recordText.ts';

/** A record takes one block of a disk at most. */
const longestRecord = 4096;

/**
 * Records of modules in one folder, one file each, durable before anybody is told of a change. One process owns the folder, so
 * compare-and-set needs no lock: nothing is awaited between the comparison and the write.
 */
export class RecordStore {
  readonly #directory: string;
  readonly #room: RecordRoom | null;
  /** Those that are there: who asks for others takes no memory. */
  readonly #records = new Map<string, ArbiterRecord>();
  /** A file was put in place, and that did not become durable. */
  #isUnsettled = false;

  /** @param room where the records of others have to have a place, too */
  constructor(directory: string, room: RecordRoom | null = null) {
    this.#directory = directory;
    this.#room = room;
    makeDirectoryDurably(directory);
  }

  read(module: string): ArbiterRecord | null {
    const known = this.#records.get(module);
    if (known !== undefined) return known;
    const record = this.#load(module);
    if (record === null) return null;
    // It may be one that nobody was told of for that reason.
    if (this.#isUnsettled) syncDirectory(this.#directory);
    this.#isUnsettled = false;
    this.#records.set(module, record);
    return record;
  }

  propose(module: string, expect: number | null, record: ArbiterRecord): ProposeResult {
    const current = this.read(module);
    const result = compareAndSet(current, expect, record);
    if (result.granted && result.record !== current) this.#store(module, result.record);
    return result;
  }

  /** Takes over a record that another holder of the same records has, if it is newer. */
  adopt(module: string, record: ArbiterRecord): void {
    const current = this.read(module);
    if (current === null || record.epoch > current.epoch) this.#store(module, record);
  }

  #store(module: string, record: ArbiterRecord): void {
    const text = `${writeRecord(record, null)}\n`;
    if (Buffer.byteLength(text) > longestRecord) throw new RecordError(`the record of ${module} is too long`);
    const isNew = this.read(module) === null;
    if (isNew) this.#room?.take();
    try {
      writeDurably(this.#file(module), text);
    } catch (error) {
      if (isNew) {
        if (existsSync(this.#file(module))) this.#isUnsettled = true;
        else this.#room?.giveBack();
      }
      throw error;
    }
    this.#records.set(module, record);
  }

  #file(module: string): string {
    if (!/^[a-z][a-z0-9-]{0,31}$/.test(module)) throw new Error(`"${module}" is not the name of a module`);
    return join(this.#directory, `${module}.json`);
  }

  #load(module: string): ArbiterRecord | null {
    const file = this.#file(module);
    const content = readIfExists(file);
    return content === null ? null : readRecord(content.toString('utf8'), file).record;
  }
}

/** The modules that have a record in a store's folder. */
export function recordedModules(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory).filter((name) => /^[^.].*\.json$/.test(name));
  return names.map((name) => name.slice(0, -'.json'.length)).sort();
}
