import { ByteWriter } from '../link/bytes.ts';
import { WaitsFor } from '../link/heldReplies.ts';
import { ToFollower, ToPrimary } from '../link/protocol.ts';
import { Link, type SharedState } from '../link/sharedState.ts';
import type { LineageEntry, ReplicaRecord, ResyncProgress } from '../mirror.ts';
import { describeError } from '../mirrorError.ts';
import { chooseKind } from '../resync/kind.ts';
import type { ResyncKind } from '../resync/resyncContext.ts';
import type { OwnDisk } from './ownDisk.ts';
import type { RecordChange } from './record.ts';
import { commonSyncId } from './resyncEnd.ts';
import { type SyncCycle, SyncCycles } from './syncCycles.ts';
import type { ZoneMarks } from './zoneMarks.ts';

const BARRIER_EVERY_MS = 1000;

/** The connection to the follower. What is sent is handled there in the same order. */
export interface FollowerLink {
  readonly alive: boolean;
  /** Number that the next frame will have. */
  readonly nextNumber: number;
  readonly lastNumber: number;
  set epoch(epoch: number);
  send(type: number, ...parts: readonly Uint8Array[]): void;
  sendJson(type: number, value: unknown): void;
  /** Gives the follower up, for whoever finds it lost first. */
  lost(reason: string): void;
}

/** What brings the follower up to date beside the guest. */
export interface Resync {
  /** Everything that is known to differ was sent. */
  readonly complete: boolean;
  /** What it has come to, and how long it has taken, milliseconds. */
  summary(): { readonly progress: ResyncProgress; readonly durationMs: number };
  /** Asks the follower to be durable and in step by this name. */
  finish(record: ReplicaRecord, syncId: string): void;
  /** The follower has missed something meanwhile: goes on. */
  resume(): void;
  end(): void;
  onAnswer(type: number, payload: Buffer): void;
}

/** What a follower said of itself when it was connected to. */
export interface Follower {
  readonly record: ReplicaRecord;
  readonly followerRecord: ReplicaRecord;
  readonly followerMarksProblem: string | null;
  readonly followerName: string;
}

/** What the main thread hears of. */
export type ReplicationNews =
  | { readonly type: 'sessionDropped' }
  | { readonly type: 'epochEntered'; readonly token: number }
  /** Once frame `number` is acknowledged the pair is in step. */
  | { readonly type: 'inStep'; readonly number: number; readonly progress: ResyncProgress; readonly durationMs: number }
  /** With which frame the follower was told; null: there is none in step. */
  | { readonly type: 'endTold'; readonly number: number | null };

export interface ReplicationOptions {
  readonly shared: SharedState;
  readonly marks: ZoneMarks;
  readonly ownDisk: Pick<OwnDisk, 'hasFailed'>;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  /** Waits for what this host's disk is at work on. */
  readonly drain: () => void;
  /** Sends what is put together. */
  readonly settle: () => void;
  /** Sends what else has to be equal when both are durable. */
  readonly sendTimes: () => void;
  /** Asks for this host's replica to be made durable; {@link Replication.localSynced} follows. */
  readonly syncLocal: (token: number) => void;
  /** A name for the end of a resync that no other one has. */
  readonly nameOfEnd: () => string;
  /** Makes it durable that the follower is asked to be equal by a name. @throws what kept it from being so */
  readonly recordPending: (change: Required<Pick<RecordChange, 'syncId' | 'pending'>>) => void;
  /** Makes it durable that both replicas were equal by this name. @throws what kept it from being so */
  readonly recordEnd: (syncId: string) => void;
  readonly tell: (news: ReplicationNews) => void;
  /** The connection is not used any more. */
  readonly onDropped: () => void;
}

/**
 * A primary's side of replication: which reply waits for what, in which order both replicas become durable, when the marks of what both hold go, and
 * when the follower counts as in step. It does no input or output by itself, so that the simulation runs it as it is.
 */
export class Replication<L extends FollowerLink, R extends Resync> {
  readonly #options: ReplicationOptions;
  readonly #shared: SharedState;
  readonly #marks: ZoneMarks;
  readonly #cycles: SyncCycles;
  /** Whom to tell that the follower has entered an epoch, by the frame. */
  readonly #epochTokens = new Map<number, number>();
  #session: L | null = null;
  #resync: R | null = null;
  #record: ReplicaRecord | null = null;
  /** By what both replicas know each other, as long as this resync has not ended. */
  #common: string | null = null;
  /** What is told of the resync once the follower is in step, durably. */
  #entering: ReturnType<Resync['summary']> | null = null;
  #sentAt = 0;
  /** See {@link settled}. */
  #isSettled = false;
  /** Nothing is changed any more, and both are asked for the last time to be durable. */
  #isReleasing = false;

  constructor(options: ReplicationOptions) {
    this.#options = options;
    this.#shared = options.shared;
    this.#marks = options.marks;
    this.#cycles = new SyncCycles({
      marks: options.marks,
      ownDisk: options.ownDisk,
      now: options.now,
      drain: options.drain,
      syncLocal: options.syncLocal,
      onDurable: (cycle) => this.#onDurable(cycle),
    });
  }

  // --- the connection

  /** The connection, also one that is lost and was not let go of yet. */
  get session(): L | null {
    return this.#session;
  }

  /** The connection if it is one; otherwise it is let go of. */
  live(): L | null {
    if (this.#session && this.#shared.link !== Link.connected) this.drop();
    return this.#session;
  }

  get resync(): R | null {
    return this.#resync;
  }

  /** @param resync begins the one that is needed */
  attach(session: L, follower: Follower, resync: (kind: ResyncKind, cause: string) => R): void {
    this.drop();
    this.#record = follower.record;
    this.#common = commonSyncId(follower.record, follower.followerRecord) ?? follower.record.syncId;
    this.#session = session;
    const { kind, cause } = chooseKind({ ...follower, marksProblem: this.#marks.problem });
    this.#resync = resync(kind, cause);
  }

  drop(): void {
    if (!this.#session) return;
    this.#session = null;
    this.#options.onDropped();
    this.#resync?.end();
    this.#resync = null;
    this.#entering = null;
    this.#cycles.abandon();
    for (const token of this.#epochTokens.values()) this.#options.tell({ type: 'epochEntered', token });
    this.#epochTokens.clear();
    this.#options.tell({ type: 'sessionDropped' });
  }

  /** @param record with the entry, durably */
  enterEpoch(token: number, entry: LineageEntry, record: ReplicaRecord): void {
    this.#record = record;
    const session = this.live();
    if (!session) {
      this.#options.tell({ type: 'epochEntered', token });
      return;
    }
    session.epoch = entry.epoch;
    this.#epochTokens.set(session.nextNumber, token);
    session.sendJson(ToFollower.epoch, entry);
  }

  /** Takes an answer of the follower's. Returns false for one that is not about replication. @throws what it cannot handle */
  onAnswer(type: number, payload: Buffer): boolean {
    if (type === ToPrimary.epochEntered) {
      const number = Number(payload.readBigUInt64LE());
      const token = this.#epochTokens.get(number);
      this.#epochTokens.delete(number);
      if (token !== undefined) this.#options.tell({ type: 'epochEntered', token });
    } else if (type === ToPrimary.synced) {
      this.#cycles.peerDone(Number(payload.readBigUInt64LE()));
    } else if (type === ToPrimary.finished) {
      const { number, again } = JSON.parse(payload.toString('utf8')) as { number: number; again: boolean };
      if (again) this.#finishAgain();
      else this.#cycles.peerDone(number);
    } else if (this.#resync) this.#resync.onAnswer(type, payload);
    else return false;
    return true;
  }

  // --- replies

  /**
   * Takes over the reply to a change, and has the change sent.
   * @param waits bits of {@link WaitsFor}
   * @param send null: the follower need not know
   * @param beyond the reply waits for the frame so many after the next one
   * @returns the reply's ticket
   */
  announce(reply: Uint8Array, waits: number, send: ((session: L, ticket: number) => void) | null, beyond = 0): number {
    const session = send === null ? null : this.live();
    if (!session || !send) return this.#shared.hold(reply, 0, waits);
    // The reply stands ready before the frame goes out: the acknowledgement may be faster than this thread.
    const ticket = this.#shared.hold(reply, this.#shared.inStep ? session.nextNumber + beyond : 0, waits);
    send(session, ticket);
    return ticket;
  }

  /**
   * Takes over the reply to a flush, for which this host's disk is asked, too, and has the follower carry it out when it is in step.
   * @param path null: the follower has no such file
   */
  announceFlush(reply: Uint8Array, { ino, path }: { ino: number; path: string | null }, datasync: boolean): number {
    const session = this.#shared.inStep && path !== null ? this.live() : null;
    if (!session || path === null) return this.#shared.hold(reply, 0, WaitsFor.local);
    const ticket = this.#shared.hold(reply, session.nextNumber, WaitsFor.local | WaitsFor.peerFlush);
    session.send(
      ToFollower.flush,
      new ByteWriter()
        .size(ino)
        .u8(datasync ? 1 : 0)
        .text(path)
        .done(),
    );
    this.noteSent();
    return ticket;
  }

  /** This host's disk has failed to do what the reply waits for: it becomes an error. */
  fail(ticket: number, errno: number): void {
    const session = this.#session;
    this.#shared.fail(ticket, errno, session?.alive && this.#shared.inStep ? session.lastNumber : 0);
  }

  /** Something was sent: no barrier is needed for now. */
  noteSent(): void {
    this.#sentAt = this.#options.now();
  }

  // --- durability of both, and the marks

  /** Whatever this replica held when it began to serve is durable. */
  settled(): void {
    this.#isSettled = true;
  }

  /**
   * This host's disk has failed to make something durable. What was changed on it before it began to serve has no marks here, and may be lost
   * as well, until it was seen to be durable once.
   */
  diskFailed(): void {
    this.#cycles.keepMarks();
    // Not every flush that fails has lost anything.
    if (this.#isSettled || !this.#options.ownDisk.hasFailed) return;
    try {
      this.#marks.markEverything();
    } catch (error) {
      console.error(
        `That nothing can be told from the zone marks could not be recorded: ${describeError(error).message}`,
      );
    }
  }

  /** After `syncLocal`. @param failed the disk has lost something, which the record says by now */
  localSynced(token: number, failed: boolean): void {
    if (failed) this.diskFailed();
    else this.settled();
    this.#cycles.localDone(token);
  }

  /** Ends a resync that has sent everything. */
  finishIfComplete(): void {
    const resync = this.#resync;
    if (!resync?.complete || this.#cycles.running || !this.#record) return;
    this.#options.sendTimes();
    const turned = this.#cycles.turnMarks();
    // What was waited for may have failed, and have found the follower lost.
    const session = this.live();
    if (!session) {
      if (turned) this.#marks.unturn();
      return;
    }
    const number = session.nextNumber;
    const syncId = this.#options.nameOfEnd();
    try {
      // Both names from before are kept: the follower may never hear of this one.
      this.#options.recordPending({ syncId: this.#common, pending: { syncId, after: this.#common } });
    } catch (error) {
      if (turned) this.#marks.unturn();
      session.lost(`the end of the resync could not be recorded on this host: ${describeError(error).message}`);
      return;
    }
    resync.finish(this.#record, syncId);
    this.#cycles.start({ purpose: 'finish', number, syncId, turned });
  }

  /** A change came between that the follower could not apply: the resync is not over yet. */
  #finishAgain(): void {
    this.#cycles.abandon();
    this.#resync?.resume();
  }

  #onDurable(cycle: SyncCycle): void {
    const session = this.#session;
    if (!session) return;
    if (cycle.purpose === 'finish' && cycle.syncId !== null) {
      // The record first: marks that are gone too early would be missed, marks that stay too long cost a little.
      try {
        this.#options.recordEnd(cycle.syncId);
      } catch (error) {
        session.lost(`the end of the resync could not be recorded on this host: ${describeError(error).message}`);
        return;
      }
    }
    if (cycle.turned) this.#marks.drop();
    if (cycle.purpose === 'finish') this.#enterStep(session);
    else if (cycle.purpose === 'step') this.#inStep(cycle.number);
  }

  /**
   * From here on whatever is acknowledged is on both hosts. What the guest flushed since the follower was durable last is not durable there yet,
   * and has to be before anybody relies on it.
   */
  #enterStep(session: L): void {
    const resync = this.#resync;
    this.#resync = null;
    this.#shared.enterStep();
    if (!resync) return;
    this.#entering = resync.summary();
    resync.end();
    const number = session.nextNumber;
    session.send(ToFollower.sync);
    // This host was durable when the guest was answered.
    this.#cycles.startPeer({ purpose: 'step', number, syncId: null, turned: false });
  }

  #inStep(number: number): void {
    const entering = this.#entering;
    this.#entering = null;
    if (entering) this.#options.tell({ type: 'inStep', number, ...entering });
  }

  // --- what is due by time

  /** When {@link maintain} has something to do, as `now` counts; Infinity: by time never. */
  dueAt(resyncPaused: boolean): number {
    if (!this.#session) return Infinity;
    const barrierAt = !this.#resync || resyncPaused ? this.#sentAt + BARRIER_EVERY_MS : Infinity;
    return Math.min(barrierAt, this.#shared.inStep ? this.#cycles.clearDueAt : Infinity);
  }

  maintain(resyncPaused: boolean): void {
    const now = this.#options.now();
    if (this.#shared.inStep && now >= this.#cycles.clearDueAt) this.#clearMarks();
    if (now - this.#sentAt >= BARRIER_EVERY_MS && (!this.#resync || resyncPaused)) {
      // So that a peer that is gone is found while nothing else is sent, too.
      this.#sentAt = now;
      this.#session?.send(ToFollower.barrier);
    }
  }

  #clearMarks(): void {
    this.#cycles.noteTry();
    this.#options.sendTimes();
    if (this.#cycles.turnMarks()) this.#makeBothDurable('clear', true);
  }

  #makeBothDurable(purpose: 'clear' | 'release', turned: boolean): void {
    // What was waited for may have failed, and have found the follower lost.
    const session = this.live();
    if (!session) {
      if (turned) this.#marks.unturn();
      return;
    }
    const number = session.nextNumber;
    session.send(ToFollower.sync);
    this.#cycles.start({ purpose, number, syncId: null, turned });
  }

  // --- the end

  /** Behind everything that was sent: what was acknowledged is before it, and a frozen mirror acknowledges nothing more. */
  tellEnd(): void {
    const session = this.#shared.inStep && this.#shared.frozen ? this.live() : null;
    this.#options.settle();
    const number = session?.nextNumber ?? null;
    session?.send(ToFollower.ended);
    this.#options.tell({ type: 'endTold', number });
  }

  /**
   * Goes on with the release: nothing is changed any more, and both replicas become durable. A follower that is not in step yet is resynchronised
   * another time, by the marks that stay.
   * @returns whether there is nothing more to wait for; {@link sayGoodbye} follows
   */
  release(): boolean {
    if (!this.live() || !this.#shared.inStep) return true;
    if (this.#cycles.running) return false;
    if (this.#isReleasing) return true;
    this.#isReleasing = true;
    this.#options.sendTimes();
    this.#makeBothDurable('release', this.#cycles.turnMarks());
    return false;
  }

  sayGoodbye(): void {
    this.#session?.send(ToFollower.goodbye);
  }
}
