import type { DirectoryIdentity, DiskError, LineageEntry, PendingEnd, ReplicaRecord, Stopped } from '../mirror.ts';
import { MirrorError } from '../mirrorError.ts';

const LINEAGE_LIMIT = 256;

/** What of a record changes while a replica is in use. */
export type RecordChange = Partial<
  Pick<ReplicaRecord, 'lineage' | 'syncId' | 'pending' | 'consistent' | 'restorable' | 'diskError' | 'stopped'>
>;

/** Where a record is kept. */
export interface RecordPlace {
  /** For people. */
  readonly path: string;
  /** Null: there is none yet. @throws Node's file errors */
  readonly read: () => string | null;
  /** Durable when it returns; after a crash the old or the new one is there. @throws Node's file errors */
  readonly write: (content: string) => void;
}

/** The durable record of a replica. One thread owns it: the main thread of the mirror process. */
export class RecordStore {
  readonly #place: RecordPlace;
  #record: ReplicaRecord;
  #directories: readonly DirectoryIdentity[] | null = null;
  /** Called after every change, when it is durable. */
  onChange: (record: ReplicaRecord) => void = () => undefined;

  private constructor(place: RecordPlace, record: ReplicaRecord) {
    this.#place = place;
    this.#record = record;
  }

  /** @throws MirrorError "state-version", "state-corrupt", "state-of-other-module" */
  static open(place: RecordPlace, module: string): RecordStore {
    const content = place.read();
    if (content !== null) return new RecordStore(place, parseRecord(place.path, content, module));
    return new RecordStore(place, { formatVersion: 1, module, lineage: [], syncId: null, consistent: true });
  }

  get value(): ReplicaRecord {
    return this.#record;
  }

  /** Highest epoch that this replica took part in, 0 for none. */
  get epoch(): number {
    return this.#record.lineage.at(-1)?.epoch ?? 0;
  }

  /**
   * The record speaks of one directory. Another one in its place (a mount point whose disk is not mounted, a copy) is not that replica,
   * however well the record looks: an empty directory would be taken for the newest state and copied over the other host's.
   * @throws MirrorError "directory-changed"
   */
  bindTo(found: readonly DirectoryIdentity[], directories: readonly string[]): void {
    const known = boundTo(this.#record);
    if (known.length > 0 && known.length !== found.length) {
      throw new MirrorError(
        'directory-changed',
        `this replica is of ${counted(known.length)}, the module has ${counted(found.length)} now (${directories.join(', ')}): correct the module's "directories", or set up a module of another name, which begins anew`,
      );
    }
    const other = known.findIndex(({ ino, born }, index) => ino !== found[index]?.ino || born !== found[index].born);
    if (other !== -1) {
      throw new MirrorError(
        'directory-changed',
        `${directories[other] ?? ''} is not the directory that this replica was in: is its disk mounted? Mount it.${found.length > 1 ? ' Were the directories put in another order? Put them back.' : ''} If it was moved on purpose, move ${this.#place.path} away: the replica is then copied in full`,
      );
    }
    this.#directories = found;
  }

  /** Durable when it returns. */
  update(change: RecordChange): void {
    const [directory, ...further] = this.#directories ?? boundTo(this.#record);
    const bound = further.length > 0 ? { directories: [directory, ...further] } : { directory };
    const record: ReplicaRecord = { ...this.#record, ...change, ...(directory ? bound : {}) } as ReplicaRecord;
    this.#place.write(`${JSON.stringify(record, null, 2)}\n`);
    this.#record = record;
    this.onChange(record);
  }

  /**
   * The disk has lost what it had taken. Known from here on even if it cannot be made durable, which is tried again with the next change.
   * @throws what kept it from being durable
   */
  noteDiskError(error: DiskError): void {
    const diskError = this.#record.diskError ?? error;
    this.#record = { ...this.#record, diskError };
    try {
      this.update({ diskError });
    } catch (failure) {
      this.onChange(this.#record);
      throw failure;
    }
  }

  /**
   * Appends a configuration; entering the last one again is no change.
   * @throws MirrorError "lower-epoch" when the replica already took part in a later one
   */
  enter(entry: LineageEntry): void {
    const last = this.#record.lineage.at(-1);
    if (last && last.epoch === entry.epoch && last.primary === entry.primary) return;
    if (last && entry.epoch <= last.epoch) {
      throw new MirrorError(
        'lower-epoch',
        `epoch ${entry.epoch} (primary ${entry.primary}) is not after epoch ${last.epoch} (primary ${last.primary}), which this replica has already taken part in`,
      );
    }
    this.update({ lineage: [...this.#record.lineage, entry].slice(-LINEAGE_LIMIT) });
  }
}

/** The directories that a record speaks of. */
function boundTo({ directory, directories }: ReplicaRecord): readonly DirectoryIdentity[] {
  return directories ?? (directory ? [directory] : []);
}

const counted = (directories: number): string => (directories === 1 ? 'one directory' : `${directories} directories`);

function parseRecord(file: string, content: string, module: string): ReplicaRecord {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch {
    parsed = null;
  }
  const version =
    typeof parsed === 'object' && parsed !== null ? (parsed as { formatVersion?: unknown }).formatVersion : null;
  if (typeof version === 'number' && version !== 1) {
    throw new MirrorError(
      'state-version',
      `${file} has format version ${version}, this agent reads version 1: run the agent version that wrote it`,
    );
  }
  if (!isRecord(parsed)) {
    throw new MirrorError(
      'state-corrupt',
      `${file} is not a replica record: move it away to make this replica start as an empty one (it will be copied in full)`,
    );
  }
  if (parsed.module !== module) {
    throw new MirrorError(
      'state-of-other-module',
      `${file} belongs to module ${parsed.module}, not ${module}: give each module a state directory of its own`,
    );
  }
  return parsed;
}

/** Whether a value from a file or from the wire is a replica record. */
export function isRecord(value: unknown): value is ReplicaRecord {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Partial<Record<keyof ReplicaRecord, unknown>>;
  return (
    record.formatVersion === 1 &&
    typeof record.module === 'string' &&
    (record.syncId === null || typeof record.syncId === 'string') &&
    typeof record.consistent === 'boolean' &&
    Array.isArray(record.lineage) &&
    record.lineage.every(isLineageEntry) &&
    (record.restorable === undefined || typeof record.restorable === 'boolean') &&
    (record.directory === undefined || isIdentity(record.directory)) &&
    (record.directories === undefined || (Array.isArray(record.directories) && record.directories.every(isIdentity))) &&
    (record.diskError === undefined || record.diskError === null || isDiskError(record.diskError)) &&
    (record.stopped === undefined || record.stopped === null || isStopped(record.stopped)) &&
    (record.pending === undefined || record.pending === null || isPending(record.pending))
  );
}

/** Whether a value from a file or from the wire is an entry of a lineage. */
export function isLineageEntry(value: unknown): value is LineageEntry {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Partial<Record<keyof LineageEntry, unknown>>;
  return Number.isSafeInteger(entry.epoch) && (entry.epoch as number) >= 0 && typeof entry.primary === 'string';
}

function isDiskError(value: unknown): value is DiskError {
  const { code, at } = Object(value) as Partial<Record<keyof DiskError, unknown>>;
  return typeof code === 'string' && typeof at === 'string';
}

function isStopped(value: unknown): value is Stopped {
  const { at, served } = Object(value) as Partial<Record<keyof Stopped, unknown>>;
  return typeof at === 'string' && /^\d{1,20}$/.test(at) && typeof served === 'boolean';
}

function isPending(value: unknown): value is PendingEnd {
  const { syncId, after } = Object(value) as Partial<Record<keyof PendingEnd, unknown>>;
  return typeof syncId === 'string' && (after === null || typeof after === 'string');
}

function isIdentity(value: unknown): value is DirectoryIdentity {
  if (typeof value !== 'object' || value === null) return false;
  const { ino, born } = value as Partial<Record<keyof DirectoryIdentity, unknown>>;
  return Number.isSafeInteger(ino) && typeof born === 'string';
}
