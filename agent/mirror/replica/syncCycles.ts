import { describeError } from '../mirrorError.ts';
import type { OwnDisk } from './ownDisk.ts';
import type { ZoneMarks } from './zoneMarks.ts';

const CLEAR_MARKS_EVERY_MS = 3000;

/** Both replicas are being made durable, so that the marks up to here can go, or the pair can be relied on. */
export interface SyncCycle {
  readonly purpose: 'clear' | 'finish' | 'step' | 'release';
  /** Of the frame by which the follower is asked to. */
  readonly number: number;
  /** The resync that ends with it, null when none does. */
  readonly syncId: string | null;
  /** A new generation of marks was begun for it: the old one goes when both are durable. */
  readonly turned: boolean;
}

interface Running extends SyncCycle {
  readonly token: number;
  turned: boolean;
  peerDone: boolean;
  localDone: boolean;
}

/**
 * Keeps the count of how both replicas become durable, one cycle at a time: a new generation of marks is begun, the follower and the main thread
 * are asked, and the cycle ends when both have answered. What the follower is sent, and what follows from the end, the primary decides.
 */
export class SyncCycles {
  readonly #marks: ZoneMarks;
  readonly #ownDisk: Pick<OwnDisk, 'hasFailed'>;
  readonly #now: () => number;
  readonly #drain: () => void;
  readonly #syncLocal: (token: number) => void;
  readonly #onDurable: (cycle: SyncCycle) => void;
  #running: Running | null = null;
  #nextToken = 1;
  #beganAt = 0;
  /** It was logged that the marks cannot be cleared. */
  #marksStay = false;

  constructor(options: {
    marks: ZoneMarks;
    ownDisk: Pick<OwnDisk, 'hasFailed'>;
    /** Monotonic, milliseconds. */
    now: () => number;
    /** Waits for what this host's disk is at work on. */
    drain: () => void;
    /** Asks for this host's replica to be made durable; {@link localDone} follows. */
    syncLocal: (token: number) => void;
    /** No cycle is running then. The old marks of one that has turned them are still there. */
    onDurable: (cycle: SyncCycle) => void;
  }) {
    this.#marks = options.marks;
    this.#ownDisk = options.ownDisk;
    this.#now = options.now;
    this.#drain = options.drain;
    this.#syncLocal = options.syncLocal;
    this.#onDurable = options.onDurable;
  }

  get running(): boolean {
    return this.#running !== null;
  }

  /** Begins a new generation of marks. When that fails, the marks stay, which costs a comparison at the next resync and nothing else. */
  turnMarks(): boolean {
    if (this.#ownDisk.hasFailed) return false;
    // A write that is under way is not made durable by what follows, and its mark would go.
    this.#drain();
    try {
      this.#marks.turn();
      this.#marksStay = false;
      return true;
    } catch (error) {
      if (!this.#marksStay) console.error(`The zone marks stay for now: ${describeError(error).message}`);
      this.#marksStay = true;
      return false;
    }
  }

  /** Begins a cycle for both replicas. The follower is asked by the caller. */
  start(cycle: SyncCycle): void {
    const token = this.#nextToken++;
    this.#running = { ...cycle, token, peerDone: false, localDone: false };
    this.#beganAt = this.#now();
    this.#syncLocal(token);
  }

  /** Begins one for the follower's replica only: this host's is durable. */
  startPeer(cycle: SyncCycle): void {
    this.#running = { ...cycle, token: this.#nextToken++, peerDone: false, localDone: true };
  }

  peerDone(number: number): void {
    if (this.#running?.number !== number) return;
    this.#running.peerDone = true;
    this.#settle();
  }

  /** Also after a failure: the secondary holds what this disk has lost. It is kept, and so are the marks, by {@link keepMarks}. */
  localDone(token: number): void {
    if (this.#running?.token !== token) return;
    this.#running.localDone = true;
    this.#settle();
  }

  #settle(): void {
    const cycle = this.#running;
    if (!cycle?.peerDone || !cycle.localDone) return;
    this.#running = null;
    this.#onDurable(cycle);
  }

  /** When this host's disk has lost what it had taken, nobody but the secondary may ever say that a mark can go: see the record. */
  keepMarks(): void {
    if (!this.#ownDisk.hasFailed || !this.#running?.turned) return;
    this.#running.turned = false;
    this.#marks.unturn();
  }

  /** The follower will not be durable, or not yet: all marks stay. */
  abandon(): void {
    this.#running = null;
    this.#marks.unturn();
  }

  /** When marks can be cleared, as its clock counts; Infinity while they cannot. */
  get clearDueAt(): number {
    if (this.#running || this.#ownDisk.hasFailed || !this.#marks.canTurn || this.#marks.empty) return Infinity;
    return this.#beganAt + CLEAR_MARKS_EVERY_MS;
  }

  /** Clearing is tried: whether or not a cycle comes of it, the next one is not due at once. */
  noteTry(): void {
    this.#beganAt = this.#now();
  }
}
