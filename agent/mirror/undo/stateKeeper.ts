import { errnos, ErrnoError } from '../../platform/libc.ts';
import { ConnectionEnd } from '../link/connectionEnd.ts';
import type { ReplicaRecord } from '../mirror.ts';
import { describeError } from '../mirrorError.ts';
import type { Mutation } from '../mutation.ts';
import type { Applier } from '../replica/applier.ts';
import type { BegunCall, MainCaller } from '../replica/mainCall.ts';
import type { ReplicaTree } from '../replica/tree.ts';
import type { ByteRange } from '../replica/zoneSet.ts';
import type { BlocksRead } from '../resync/pieceBuffer.ts';
import { UndoJournal, UndoLimit } from './undoJournal.ts';

const COLLAPSE_OR_INSERT = 8 | 32;
const PUNCH_OR_ZERO = 2 | 16;
const NO_REPLACE_OR_EXCHANGE = 1 | 2;
const TO_THE_END = Number.MAX_SAFE_INTEGER;

/** What whoever changes a replica during a resync tells before. */
export interface BeforeChange {
  /** Something other than content or the last name of a file. */
  change(): void;
  /** Ranges of an open file are about to be overwritten or cut off. */
  content(fd: number, ranges: readonly ByteRange[]): void;
  /** Blocks of an open file will be overwritten once what the primary has there arrives. Those with a 1 in `differing` are meant. */
  expectContent(fd: number, read: BlocksRead, differing: Uint8Array): void;
  /** What is at these paths is about to go, with everything below. */
  removal(paths: readonly string[]): void;
}

export interface KeeperOptions {
  readonly stateDirectory: string;
  readonly tree: ReplicaTree;
  readonly applier: Applier;
  readonly main: MainCaller;
  /** The record as it was when the resync began. */
  readonly record: ReplicaRecord;
  /** Bytes that may be kept now; null: by the free space; 0: nothing is kept. */
  readonly limit: () => number | null;
  readonly onStep: () => void;
  /** Whether the resync is durably over: nothing need be kept any more. */
  readonly isOver: () => boolean;
  readonly onGivenUp: (reason: string) => void;
}

/** The replica's own disk has lost something, which is recorded: this resync does not know what, and ends. */
class ReplicaLoss extends Error {
  override readonly name = 'ReplicaLoss';
}

/**
 * Keeps the last consistent state of a replica while one session's resync changes it. The record says `consistent: false` before the first
 * change, and whether what was there can be had back. A replica that turns out equal stays a good one all along.
 */
export class StateKeeper implements BeforeChange {
  readonly #options: KeeperOptions;
  #spoiled = false;
  #journal: UndoJournal | null = null;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Whether the resync has changed something: until its end this replica is neither what it was nor what it will be. */
  get spoiled(): boolean {
    return this.#spoiled;
  }

  change(): void {
    if (this.#spoiled) return;
    const { main, record, stateDirectory, tree, limit, onStep } = this.#options;
    const journal = {
      stateDirectory,
      tree,
      limit,
      onStep,
      makeDurable: this.#makeDurable,
      beginDurable: this.#beginDurable,
    };
    // A replica that never held anything has no state to keep.
    const worthKeeping = record.lineage.length > 0 && limit() !== 0;
    if (record.consistent && worthKeeping) {
      this.#guarded(() => (this.#journal = UndoJournal.begin(journal)));
    } else if (record.restorable) {
      this.#guarded(() => {
        this.#journal = UndoJournal.resume(journal);
        if (this.#journal === null) throw new UndoLimit('what was kept of it is not there');
      });
    }
    if (record.consistent || record.restorable) {
      main.call({ op: 'updateRecord', change: { consistent: false, restorable: this.#journal !== null } });
    }
    this.#spoiled = true;
  }

  /** In the main thread, so that this one can tell the primary that it is alive. */
  readonly #makeDurable = (fd: number): void => {
    const { main, tree, onStep } = this.#options;
    try {
      main.makeDurable({ op: 'syncFileSystem', fd }, onStep);
    } catch (error) {
      if (error instanceof ConnectionEnd || fd !== tree.rootFd) throw error;
      throw new ReplicaLoss(describeError(error).message);
    }
  };

  readonly #beginDurable = (fd: number): BegunCall => this.#options.main.beginDurable({ op: 'syncData', fd });

  expectContent(fd: number, read: BlocksRead, differing: Uint8Array): void {
    this.change();
    this.#keep((journal) => journal.ahead(fd, read, differing));
  }

  content(fd: number, ranges: readonly ByteRange[]): void {
    this.change();
    this.#keep((journal) => journal.content(fd, ranges));
  }

  removal(paths: readonly string[]): void {
    this.change();
    this.#keep((journal) => {
      for (const path of paths) journal.removal(path);
    });
  }

  /** A change of the primary's is about to be applied. @throws ErrnoError when what it changes is not there */
  mutation(mutation: Mutation): void {
    this.change();
    if (this.#journal === null) return;
    const { applier, tree } = this.#options;
    switch (mutation.kind) {
      case 'write': {
        const { file, offset, data } = mutation;
        this.content(applier.file(file), [{ start: offset, end: offset + data.length }]);
        return;
      }
      case 'truncate':
        this.content(applier.file(mutation.file), [{ start: mutation.size, end: TO_THE_END }]);
        return;
      case 'fallocate': {
        const { file, mode, offset, length } = mutation;
        const start = offset;
        if ((mode & COLLAPSE_OR_INSERT) !== 0) this.content(applier.file(file), [{ start, end: TO_THE_END }]);
        else if ((mode & PUNCH_OR_ZERO) !== 0) this.content(applier.file(file), [{ start, end: offset + length }]);
        return;
      }
      case 'unlink':
      case 'rmdir':
        this.removal([mutation.path]);
        return;
      case 'rename':
        if ((mutation.flags & NO_REPLACE_OR_EXCHANGE) === 0 && tree.stat(mutation.to) !== null) {
          this.removal([mutation.to]);
        }
        return;
      default:
        return;
    }
  }

  #keep(action: (journal: UndoJournal) => void): void {
    const journal = this.#journal;
    if (journal === null) return;
    if (this.#options.isOver()) {
      this.close();
      return;
    }
    this.#guarded(() => {
      action(journal);
      journal.settle();
    });
  }

  /** What cannot be kept is given up: the resync is what matters more. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      // The connection ended meanwhile; what was kept so far stays.
      if (error instanceof ConnectionEnd || error instanceof ReplicaLoss) throw error;
      const spoiled = this.#spoiled;
      this.close();
      // It was dropped while something was being kept.
      if (this.#options.isOver()) return;
      // Before anything is changed that was not kept.
      if (spoiled) this.#options.main.call({ op: 'updateRecord', change: { restorable: false } });
      const full = error instanceof ErrnoError && (error.errno === errnos.ENOSPC || error.errno === errnos.EDQUOT);
      const reason = full ? 'there is no space left to keep it' : describeError(error).message;
      this.#options.onGivenUp(error instanceof UndoLimit ? error.message : reason);
    }
  }

  /** The session has ended, or the resync has. */
  close(): void {
    this.#journal?.close();
    this.#journal = null;
  }
}
