import { OwnRecords } from '../../agent/arbiter/none.ts';
import { RecordStore } from '../../agent/arbiter/recordStore.ts';
import type { Host } from './host.ts';
import type { Random } from './random.ts';
import { RecordDisk } from './recordDisk.ts';
import type { Surroundings } from './surroundings.ts';

/** A host's copy of the record of a cluster without an arbiter: the agent's own store, on the host's disk. */
export class OwnRecord {
  readonly #host: Host;
  readonly #disk: RecordDisk;
  #opened: { readonly program: number; readonly records: OwnRecords } | null = null;

  constructor(host: Host, { clock, random }: Surroundings) {
    this.#host = host;
    this.#disk = new RecordDisk((step) => {
      if (host.disk.refusesUntil <= clock.now) return;
      // Some of what is put in place becomes durable only later.
      if (step === 'settle' || random.next() < 0.5) throw new Error('EIO: input/output error');
    });
  }

  /** As the program sees it that runs on the host. */
  get records(): OwnRecords {
    const { program } = this.#host;
    if (this.#opened?.program === program) return this.#opened.records;
    const records = new OwnRecords(new RecordStore(this.#disk), {
      // The next heartbeat tells it.
      copy: () => undefined,
      knownRecord: () => this.#host.core?.record ?? null,
    });
    this.#opened = { program, records };
    return records;
  }

  replace(): void {
    this.#disk.replace(null);
  }

  losesPower(random: Random): void {
    this.#disk.losesPower(random);
  }
}
