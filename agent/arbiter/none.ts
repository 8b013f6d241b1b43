import type { ArbiterRecord } from '../core/types.ts';
import type { Arbiter, ProposeResult } from './arbiter.ts';
import type { RecordStore } from './recordStore.ts';

/** Tells the other host of the pair; failures do not matter, it learns the record with a heartbeat as well. */
export interface CopyChannel {
  copy(module: string, record: ArbiterRecord): void;
  /** The newest record that the core of the module goes by, which the peer may have told; null if none. */
  knownRecord(module: string): ArbiterRecord | null;
}

/**
 * No third vote: the record lives on both hosts. It grants whatever is newer than what this host knows, so the core only asks it for
 * what is safe without a third vote (see `Draft.mayPromoteWithoutPeer`).
 */
export class OwnRecords {
  readonly #store: RecordStore;
  readonly #channel: CopyChannel;

  constructor(store: RecordStore, channel: CopyChannel) {
    this.#store = store;
    this.#channel = channel;
  }

  /** @throws what the place of the records throws */
  read(module: string): ArbiterRecord | null {
    const known = this.#channel.knownRecord(module);
    if (known) this.#store.adopt(module, known);
    return this.#store.read(module);
  }

  /** @throws what the place of the records throws */
  propose(module: string, expect: number | null, record: ArbiterRecord): ProposeResult {
    this.read(module);
    const result = this.#store.propose(module, expect, record);
    if (result.granted) this.#channel.copy(module, result.record);
    return result;
  }
}

/** {@link OwnRecords} in the place of an arbiter. */
export class NoArbiter implements Arbiter {
  readonly #records: OwnRecords;

  constructor(store: RecordStore, channel: CopyChannel) {
    this.#records = new OwnRecords(store, channel);
  }

  reachable(): boolean {
    return true;
  }

  // Within a promise: failures of the disk have to arrive as rejections.

  read(module: string): Promise<ArbiterRecord | null> {
    return Promise.resolve().then(() => this.#records.read(module));
  }

  propose(module: string, expect: number | null, record: ArbiterRecord): Promise<ProposeResult> {
    return Promise.resolve().then(() => this.#records.propose(module, expect, record));
  }
}
