import type { ArbiterRecord } from '../core/types.ts';
import type { ProposeResult } from './arbiter.ts';
import { compareAndSet } from './compareAndSet.ts';
import type { RecordPlace } from './recordPlace.ts';
import type { RecordRoom } from './recordRoom.ts';
import { readRecord, RecordError, writeRecord } from './recordText.ts';

/** A record takes one block of a disk at most. */
const longestRecord = 4096;

/**
 * Records of modules in one place, durable before anybody is told of a change. One process owns the place, so compare-and-set needs no lock:
 * nothing is awaited between the comparison and the write.
 */
export class RecordStore {
  readonly #place: RecordPlace;
  readonly #room: RecordRoom | null;
  /** Those that are there: who asks for others takes no memory. */
  readonly #records = new Map<string, ArbiterRecord>();
  /** Something may be in place that a loss of power takes away: an earlier program may have ended before it had settled it, too. */
  #isUnsettled = true;

  /** @param room where the records of others have to have a place, too */
  constructor(place: RecordPlace, room: RecordRoom | null = null) {
    this.#place = place;
    this.#room = room;
  }

  read(module: string): ArbiterRecord | null {
    const known = this.#records.get(module);
    if (known !== undefined) return known;
    const record = this.#load(module);
    if (record === null) return null;
    // It may be one that nobody was told of for that reason.
    if (this.#isUnsettled) this.#settle();
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
      this.#place.put(module, text);
      this.#settle();
    } catch (error) {
      if (isNew) {
        if (this.#place.has(module)) this.#isUnsettled = true;
        else this.#room?.giveBack();
      }
      throw error;
    }
    this.#records.set(module, record);
  }

  #settle(): void {
    this.#place.settle();
    this.#isUnsettled = false;
  }

  #load(module: string): ArbiterRecord | null {
    if (!/^[a-z][a-z0-9-]{0,31}$/.test(module)) throw new Error(`"${module}" is not the name of a module`);
    const text = this.#place.read(module);
    return text === null ? null : readRecord(text, this.#place.nameOf(module)).record;
  }
}
