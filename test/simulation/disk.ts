import type { ReplicaRecord } from '../../agent/mirror/mirror.ts';
import { RecordStore } from '../../agent/mirror/replica/record.ts';
import { loadMarks } from '../../agent/mirror/replica/zoneMarks.ts';
import { markRolledBack } from '../../agent/mirror/undo/markRolledBack.ts';
import type { LineageEntry, Maintenance, ModuleCoreState, Resolution } from '../../agent/core/types.ts';
import { type StateContent, StateFiles } from './replica/stateFiles.ts';
import type { Random } from './random.ts';

export const moduleName = 'web';

/** A host's disk: what survives a loss of power; of the contents what was flushed. */
export class Disk {
  desired: ModuleCoreState['desired'] = { value: 'started', sequence: 0 };
  resolution: Resolution | null = null;
  /** What the other host may still count on. */
  promisedDetectionMs: number | null = null;
  /** When the last failovers were, by the clock on the host's wall. */
  failovers: readonly number[] = [];
  drained = false;
  /** Its end by the clock on the host's wall. */
  maintenance: Maintenance | null = null;
  /** Where the mirror keeps its record and its marks. */
  readonly files: StateFiles;
  /** With an unfinished resync into it: the writes that it held before; null: that was not kept. */
  undo: ReadonlySet<number> | null = null;
  /** Numbers of the writes in the replica. Each one has a zone of its own, which the marks name by that number. */
  log = new Set<number>();
  /** Those of them that a loss of power may take away. */
  readonly unsynced = new Set<number>();
  /** Those of them that the disk has lost and still shows: no flush makes them durable any more. */
  readonly lost = new Set<number>();
  /** Whatever it ever held, also what a loss of power has taken since. */
  readonly seen = new Set<number>();
  /** What was kept aside, by its name. */
  aside: Record<string, number[]> = {};
  /** How long a write or a flush takes beyond the usual. */
  slowMs = 0;
  /** Another disk lies in the place of the one that was known, and no resync has filled it yet. */
  isReplaced = false;
  /** Until then whatever has to be made durable fails. */
  refusesUntil = 0;
  /** There is no room to keep anything aside. */
  isFull = false;
  #parsed: { text: string | null; record: ReplicaRecord } | null = null;

  constructor(now: () => number, onPowerLoss: () => void) {
    this.files = new StateFiles(() => this.refusesUntil > now(), onPowerLoss);
  }

  /** The mirror's record, as it is on the disk. */
  get replica(): ReplicaRecord {
    const text = this.files.content.record;
    if (this.#parsed?.text !== text || this.#parsed === null) {
      this.#parsed = { text, record: RecordStore.open(this.files.record, moduleName).value };
    }
    return this.#parsed.record;
  }

  get lineage(): ReplicaRecord['lineage'] {
    return this.replica.lineage;
  }

  get syncId(): string | null {
    return this.replica.syncId;
  }

  get consistent(): boolean {
    return this.replica.consistent;
  }

  /** Zones that may differ from the other replica's. */
  get marks(): ReadonlySet<number> {
    return new Set(loadMarks(this.files.marks).files.keys());
  }

  /** Whatever the disk still has of these is durable. */
  flush(writes: Iterable<number>): void {
    for (const write of writes) if (!this.lost.has(write)) this.unsynced.delete(write);
  }

  flushAll(): void {
    this.flush([...this.unsynced]);
  }

  /** Puts a write into the replica, or takes it out of it. */
  put(write: number, isThere: boolean): void {
    this.lost.delete(write);
    if (isThere) {
      this.seen.add(write);
      this.log.add(write);
      this.unsynced.add(write);
    } else {
      this.log.delete(write);
      this.unsynced.delete(write);
    }
  }

  /** It loses what it had not written yet, and shows it all the same. */
  fail(): void {
    for (const write of this.unsynced) this.lost.add(write);
  }

  /** Of what was not flushed each write may or may not have reached the disk, in any order. */
  losePower(random: Random): void {
    for (const write of this.unsynced) if (random.next() < 0.5) this.log.delete(write);
    this.unsynced.clear();
    this.lost.clear();
  }

  /** An unfinished resync is taken back, and what it had changed is marked. */
  rollBack(record: RecordStore): void {
    const { undo, log } = this;
    if (undo === null) return;
    const changed = [...new Set([...undo, ...log])].filter((write) => undo.has(write) !== log.has(write));
    this.log = new Set(undo);
    this.unsynced.clear();
    this.lost.clear();
    markRolledBack(
      this.files.marks,
      changed.map((ino) => ({ ino, range: null })),
    );
    record.update({ consistent: true, restorable: false, stopped: null });
    this.undo = null;
  }

  /** Another disk lies in the place of this one. @param backup null: an empty one */
  replace(backup: Backup | null): void {
    this.isReplaced = true;
    this.files.replace(backup?.state ?? null);
    this.log = new Set(backup?.log);
    this.unsynced.clear();
    this.lost.clear();
    this.undo = null;
  }

  /** What a consistent replica is now; null: it is none. */
  backUp(): Backup | null {
    if (!this.consistent || this.unsynced.size > 0) return null;
    return { state: this.files.content, syncId: this.syncId, lineage: this.lineage, log: new Set(this.log) };
  }
}

export interface Backup {
  readonly state: StateContent;
  readonly syncId: string | null;
  readonly lineage: readonly LineageEntry[];
  readonly log: ReadonlySet<number>;
}
