import { ConnectionEnd } from '../../../agent/mirror/link/connectionEnd.ts';
import type { LineageEntry } from '../../../agent/mirror/mirror.ts';
import { describeError } from '../../../agent/mirror/mirrorError.ts';
import { FollowerSession, type SessionConnection } from '../../../agent/mirror/replica/followerSession.ts';
import { type FinishOrder, Promotion, recordAtEnd } from '../../../agent/mirror/replica/resyncEnd.ts';
import { loadMarks, resetMarks } from '../../../agent/mirror/replica/zoneMarks.ts';
import { moduleName } from '../disk.ts';
import { ownTime, type Host } from '../host.ts';
import { feedSoon, type Surroundings } from '../surroundings.ts';
import { FollowingWork } from './followingWork.ts';
import { withoutPowerLoss } from './powerLoss.ts';
import type { Ends, FollowingMirror, Frame } from './roles.ts';

type Session = FollowerSession<Inbox>;

/** What has arrived at a follower by one connection. */
class Inbox implements SessionConnection {
  authenticated = false;
  readonly #frames: Frame[] = [];
  readonly #connection: Ends;

  constructor(connection: Ends) {
    this.#connection = connection;
  }

  add(frame: Frame): void {
    this.#frames.push(frame);
  }

  get hasMore(): boolean {
    return this.#frames.length > 0;
  }

  next(): Frame | null {
    return this.#frames.shift() ?? null;
  }

  send(type: number, epoch: number, payload: Uint8Array): void {
    const header = { type, number: 0, epoch, length: payload.length };
    this.#connection.send('follower', { header, payload: Buffer.from(payload) });
  }

  end(): void {
    this.#connection.close('follower');
  }

  vanish(silently: boolean): void {
    this.#connection.vanish('follower', silently);
  }
}

/** A mirror process that follows: the agent's own session, with a disk and a network of the simulation. */
export class Following implements FollowingMirror {
  readonly id: string;
  readonly #world: Surroundings;
  readonly #host: Host;
  readonly #keepsUndo: () => boolean;
  readonly #promotion: Promotion;
  #epoch: number;
  #session: Session | null = null;
  /** Nothing that it still does has any effect. */
  #isOver = false;

  /** @param keepsUndo whether what the replica was stays within the bound of what is kept of it */
  constructor(world: Surroundings, host: Host, id: string, epoch: number, keepsUndo: () => boolean) {
    this.#world = world;
    this.#host = host;
    this.id = id;
    this.#keepsUndo = keepsUndo;
    this.#promotion = new Promotion(host.name);
    this.#epoch = Math.max(epoch, host.replica.epoch);
  }

  /** On a host that stands still it happens when it goes on; when the process is gone, never. */
  #after(ms: number, run: () => void): void {
    this.#world.clock.after(ms, () => this.#whenItRuns(run));
  }

  #whenItRuns(run: () => void): void {
    const { clock } = this.#world;
    if (this.#isOver || this.#host.disk.files.isOff) return;
    if (this.#host.pausedUntil > clock.now) this.#after(this.#host.pausedUntil - clock.now, run);
    else withoutPowerLoss(run);
  }

  accept(connection: Ends): void {
    const inbox = new Inbox(connection);
    const session: Session = new FollowerSession(
      {
        identity: moduleName,
        host: this.#host.name,
        now: () => ownTime(this.#host, this.#world.clock.now),
        record: () => this.#host.replica.value,
        marksProblem: () => loadMarks(this.#host.disk.files.marks).problem,
        epoch: () => this.#epoch,
        enterEpoch: (entry) => this.enterEpoch(entry),
        requestSync: (number, finish) => this.#sync(session, number, finish),
        primaryEnded: (epoch) => feedSoon(this.#world, this.#host, { type: 'primaryEnded', epoch }),
      },
      inbox,
      (port) =>
        new FollowingWork(this.#world, this.#host, port, {
          keepsUndo: this.#keepsUndo,
          afterFlush: (run) => this.#afterFlush(() => this.#guarded(session, run)),
          flushed: (number) => session.flushed(number, 0),
        }),
    );
    connection.receiveAt('follower', {
      receive: (frame) => {
        inbox.add(frame);
        this.#after(0, () => this.#process(session, inbox));
      },
      ended: () =>
        this.#after(0, () => {
          this.#process(session, inbox);
          if (this.#session === session) this.#endSession('the primary closed the connection');
          else inbox.end();
        }),
    });
  }

  #process(session: Session, inbox: Inbox): void {
    if (this.#session === session) {
      this.#guarded(session, () => session.process());
      return;
    }
    if (inbox.authenticated) return;
    try {
      session.process();
    } catch (error) {
      if (!(error instanceof ConnectionEnd)) throw error;
      inbox.end();
      return;
    }
    // Its program writes that, and the compiler does not know of it.
    if (!(inbox as { authenticated: boolean }).authenticated) return;
    this.#endSession('the primary has connected anew');
    this.#session = session;
    feedSoon(this.#world, this.#host, { type: 'mirrorFollowerLink', connected: true });
  }

  /** Runs something of the session; when its connection ends, so does the session. */
  #guarded(session: Session, run: () => void): void {
    if (this.#session !== session) return;
    try {
      run();
    } catch (error) {
      if (!(error instanceof ConnectionEnd)) throw error;
      this.#endSession(error.message);
    }
  }

  #endSession(reason: string): void {
    const session = this.#session;
    if (session === null) return;
    this.#session = null;
    session.end();
    this.#world.trace(`${this.#host.name} follows nobody: ${reason}`);
    feedSoon(this.#world, this.#host, { type: 'mirrorFollowerLink', connected: false });
  }

  enterEpoch(entry: LineageEntry): void {
    this.#host.replica.enter(entry);
    this.#promotion.entered(entry);
    this.#epoch = Math.max(this.#epoch, entry.epoch);
  }

  #afterFlush(run: () => void): void {
    this.#after(this.#world.random.between(1, 5) + this.#host.disk.slowMs, run);
  }

  #sync(session: Session, number: number, finish: FinishOrder | null): void {
    const { disk } = this.#host;
    const covered = [...disk.unsynced];
    this.#afterFlush(() => {
      disk.flush(covered);
      let failure: string | null = null;
      try {
        if (finish) {
          this.#promotion.checkEnd();
          // Another session may have begun a resync meanwhile: the end of this one would be taken for its end.
          if (this.#session !== session) return;
          this.#finish(finish);
        }
      } catch (error) {
        if (disk.files.isOff) throw error;
        failure = describeError(error).message;
      }
      this.#guarded(session, () => session.synced(number, finish !== null, failure));
    });
  }

  #finish(order: FinishOrder): void {
    const { replica, disk } = this.#host;
    replica.update(recordAtEnd(replica.value, order));
    disk.undo = null;
    disk.isReplaced = false;
    resetMarks(disk.files.marks);
  }

  stop(): void {
    if (this.#isOver) return;
    const session = this.#session;
    if (session) {
      this.#guarded(session, () => session.process());
      this.#endSession('this replica stopped following');
    }
    this.#isOver = true;
  }

  dies(): void {
    this.#session?.connection.end();
    this.#isOver = true;
  }

  vanish(silently: boolean): void {
    this.#session?.connection.vanish(silently);
    this.#isOver = true;
  }
}
