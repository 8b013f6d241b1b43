import { ByteWriter, MalformedMessage } from '../link/bytes.ts';
import { ConnectionEnd } from '../link/connectionEnd.ts';
import { ToFollower, ToPrimary } from '../link/protocol.ts';
import { encodeMissed } from '../link/resyncMessages.ts';
import type { FrameHeader } from '../link/sealer.ts';
import type { LineageEntry, ReplicaRecord } from '../mirror.ts';
import { isLineageEntry, isRecord } from './record.ts';
import type { ReplicaWork, WorkPort } from './replicaWork.ts';
import type { FinishOrder } from './resyncEnd.ts';

const ACKNOWLEDGE_EVERY = 32;
const ALIVE_EVERY_MS = 200;

/** What a session needs of whoever runs it. */
export interface SessionContext {
  /** What both hosts have to mirror. */
  readonly identity: string;
  /** This host's name. */
  readonly host: string;
  /** Milliseconds that only go forward. */
  readonly now: () => number;
  readonly record: () => ReplicaRecord;
  /** Why this replica's marks cannot be relied on; null: they can. */
  readonly marksProblem: () => string | null;
  /** Frames of a lower epoch are refused. */
  readonly epoch: () => number;
  /** Durable when it returns. */
  readonly enterEpoch: (entry: LineageEntry) => void;
  /** Make the replica durable, then call `synced` of the session with the number. */
  readonly requestSync: (number: number, finish: FinishOrder | null) => void;
  /** The primary is no more, and this replica holds all that it acknowledged by this epoch. */
  readonly primaryEnded: (epoch: number) => void;
}

/** What a session needs of its connection. */
export interface SessionConnection {
  /** The first frame was authentic; the session says so. */
  authenticated: boolean;
  /** More has arrived than the frames that were taken. */
  readonly hasMore: boolean;
  /** The next complete frame. The payload is valid until the next call. @throws ConnectionEnd */
  next(): { readonly header: FrameHeader; readonly payload: Buffer } | null;
  /** @throws ConnectionEnd */
  send(type: number, epoch: number, payload: Uint8Array): void;
  end(): void;
}

/** The follower's side of one connection: checks, has the work done in order, acknowledges. */
export class FollowerSession<Connection extends SessionConnection = SessionConnection> {
  readonly #context: SessionContext;
  readonly #connection: Connection;
  readonly #work: ReplicaWork;
  #resyncing = false;
  #inStep = false;
  #missed = 0;
  #lastNumber = 0;
  #acknowledged = 0;
  #lastSent = 0;

  constructor(context: SessionContext, connection: Connection, workFor: (port: WorkPort) => ReplicaWork) {
    this.#context = context;
    this.#connection = connection;
    this.#work = workFor({
      isResyncing: () => this.#resyncing,
      send: (type, payload) => this.#send(type, payload),
      miss: (paths, reason) => this.#miss(paths, reason),
      alive: () => this.#alive(),
    });
  }

  get connection(): Connection {
    return this.#connection;
  }

  /** Closes the connection and what is open for it. */
  end(): void {
    this.#work.end();
    this.#connection.end();
  }

  /** Applies everything that is complete. @throws ConnectionEnd */
  process(): void {
    for (let frame = this.#connection.next(); frame; frame = this.#connection.next()) {
      this.#handle(frame.header, frame.payload);
      this.#lastNumber = frame.header.number;
      if (this.#lastNumber - this.#acknowledged >= ACKNOWLEDGE_EVERY) this.#acknowledge();
    }
    this.#acknowledge();
  }

  #acknowledge(): void {
    if (this.#acknowledged === this.#lastNumber) return;
    this.#acknowledged = this.#lastNumber;
    this.#sendNumber(ToPrimary.acknowledged, this.#lastNumber);
  }

  #send(type: number, payload: Uint8Array): void {
    this.#lastSent = this.#context.now();
    this.#connection.send(type, this.#context.epoch(), payload);
  }

  #sendNumber(type: number, number: number): void {
    this.#send(type, new ByteWriter(8).size(number).done());
  }

  #sendJson(type: number, value: unknown): void {
    this.#send(type, Buffer.from(JSON.stringify(value)));
  }

  #miss(paths: readonly string[], reason: string): void {
    this.#missed++;
    this.#send(ToPrimary.missed, encodeMissed({ paths, reason }));
  }

  #alive(): void {
    if (this.#context.now() - this.#lastSent > ALIVE_EVERY_MS) this.#send(ToPrimary.alive, Buffer.alloc(0));
  }

  #handle(header: FrameHeader, payload: Buffer): void {
    if (!this.#connection.authenticated) {
      this.#authenticate(header, payload);
      return;
    }
    this.#checkEpoch(header.epoch);
    try {
      this.#dispatch(header, payload);
    } catch (error) {
      if (error instanceof ConnectionEnd) throw error;
      this.#fail(this.#work.reasonOf(error));
    }
  }

  #fail(reason: string): never {
    this.#acknowledge();
    this.#sendJson(ToPrimary.failed, { message: reason });
    throw new ConnectionEnd(`a change could not be applied: ${reason}`);
  }

  #checkEpoch(epoch: number): void {
    const own = this.#context.epoch();
    if (epoch >= own) return;
    this.#sendJson(ToPrimary.refused, { epoch: own, reason: `epoch ${epoch} is over` });
    throw new ConnectionEnd(`refused a frame of epoch ${epoch}: this replica is at epoch ${own}`);
  }

  #authenticate(header: FrameHeader, payload: Buffer): void {
    const hello = JSON.parse(payload.toString('utf8')) as { module?: unknown };
    if (header.type !== ToFollower.authenticate) throw new ConnectionEnd('the first frame did not authenticate');
    if (hello.module !== this.#context.identity) {
      this.#sendJson(ToPrimary.refused, {
        epoch: this.#context.epoch(),
        reason: `this replica is of module ${this.#context.identity}, the primary's of ${String(hello.module)}`,
      });
      throw new ConnectionEnd(`a primary of another module (${String(hello.module)}) connected`);
    }
    this.#checkEpoch(header.epoch);
    this.#connection.authenticated = true;
    this.#lastNumber = this.#acknowledged = header.number;
    this.#sendJson(ToPrimary.welcome, {
      host: this.#context.host,
      record: this.#context.record(),
      marksProblem: this.#context.marksProblem(),
    });
  }

  #dispatch(header: FrameHeader, payload: Buffer): void {
    this.#work.settleFor(header.type);
    switch (header.type) {
      case ToFollower.mutations:
        if (!this.#resyncing && !this.#inStep) throw new MalformedMessage('a change before the resync began');
        this.#work.mutations(payload);
        return;
      case ToFollower.flush:
        if (!this.#work.flush(header.number, payload, !this.#connection.hasMore)) this.flushed(header.number, 0);
        return;
      case ToFollower.barrier:
        return;
      case ToFollower.sync:
        this.#context.requestSync(header.number, null);
        return;
      case ToFollower.epoch: {
        const entry: unknown = JSON.parse(payload.toString('utf8'));
        if (!isLineageEntry(entry)) throw new MalformedMessage('an epoch without number or primary');
        this.#context.enterEpoch(entry);
        this.#sendNumber(ToPrimary.epochEntered, header.number);
        return;
      }
      case ToFollower.begin:
        this.#begin(JSON.parse(payload.toString('utf8')) as { kind: unknown });
        return;
      case ToFollower.finish:
        this.#finish(header.number, payload);
        return;
      case ToFollower.goodbye:
        this.#lastNumber = header.number;
        this.#acknowledge();
        throw new ConnectionEnd('the primary has released the mirror');
      case ToFollower.ended:
        this.#lastNumber = header.number;
        this.#acknowledge();
        if (this.#inStep) this.#context.primaryEnded(header.epoch);
        throw new ConnectionEnd('the agent of the primary has died, and its server is dead');
      default:
        if (!this.#work.step(header, payload)) throw new MalformedMessage(`a frame of unknown type ${header.type}`);
    }
  }

  /** What the flush of a frame ended with, 0 for success. @throws ConnectionEnd */
  flushed(number: number, errno: number): void {
    const failure = this.#work.flushed(number, errno);
    if (failure !== null) this.#fail(failure);
    this.#sendNumber(ToPrimary.flushed, number);
  }

  #begin(order: { kind: unknown }): void {
    const full = order.kind === 'full';
    this.#resyncing = true;
    this.#inStep = false;
    this.#work.begin(full);
    this.#send(ToPrimary.begun, Buffer.alloc(0));
  }

  #finish(number: number, payload: Buffer): void {
    const order = JSON.parse(payload.toString('utf8')) as { syncId: string; missed: number; record: unknown };
    if (!isRecord(order.record)) throw new MalformedMessage('the end of a resync without a record');
    if (order.missed !== this.#missed) {
      this.#sendJson(ToPrimary.finished, { number, again: true });
      return;
    }
    // From here on a change that cannot be applied is a failure.
    this.#resyncing = false;
    this.#inStep = true;
    this.#work.enterStep();
    this.#context.requestSync(number, { syncId: order.syncId, lineage: order.record.lineage });
  }

  /** The replica is durable as it was at frame `number`. @throws ConnectionEnd */
  synced(number: number, finish: boolean, error: string | null): void {
    if (error !== null) {
      this.#sendJson(ToPrimary.failed, { message: error });
      throw new ConnectionEnd(`this replica could not be made durable: ${error}`);
    }
    if (finish) {
      this.#work.finished();
      this.#sendJson(ToPrimary.finished, { number, again: false });
    } else this.#sendNumber(ToPrimary.synced, number);
  }
}
