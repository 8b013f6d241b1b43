import { Link as LinkState, SharedState } from '../../../agent/mirror/link/sharedState.ts';
import { WaitsFor } from '../../../agent/mirror/link/heldReplies.ts';
import { ToFollower, ToPrimary } from '../../../agent/mirror/link/protocol.ts';
import { takeAnswer } from '../../../agent/mirror/link/takeAnswer.ts';
import type { LineageEntry, ReplicaRecord } from '../../../agent/mirror/mirror.ts';
import { Replication, type ReplicationNews } from '../../../agent/mirror/replica/replication.ts';
import { Watchdog } from '../../../agent/mirror/replica/watchdog.ts';
import { ZoneMarks } from '../../../agent/mirror/replica/zoneMarks.ts';
import { ByteWriter } from '../../../agent/mirror/link/bytes.ts';
import { moduleName } from '../disk.ts';
import { factsOf, ownTime, type Host } from '../host.ts';
import { otherThan, type Surroundings } from '../surroundings.ts';
import { Connection } from './connection.ts';
import { Copy } from './copy.ts';
import { Link } from './link.ts';
import { PowerLoss, withoutPowerLoss } from './powerLoss.ts';
import { Requests } from './requests.ts';
import type { Done, Frame, ServingMirror } from './roles.ts';

/** A secondary that acknowledges nothing for so long is given up. */
export const acknowledgeTimeoutMs = 1000;
const connectLimitMs = 2000;
const endLimitMs = 4000;
const releaseLimitMs = 60_000;
/** How often the mirror process looks what is due. */
const lookMs = 100;
const stepMs = 10;
const eio = 5;

interface Attachment {
  readonly connection: Connection;
  /** Null: it has not answered yet. */
  link: Link | null;
}

/** What a resync is like, beyond what is compared. */
export interface ResyncSetting {
  /** Told before what is compared is sent. */
  readonly begins: (primary: Host, follower: Host, zones: ReadonlySet<number>, isFull: boolean) => void;
  /** Told when everything was sent. @param log the writes that the follower has by then */
  readonly ends: (log: ReadonlySet<number>) => void;
  /** Told when both are in step, durably. */
  readonly isOver: (primary: Host) => void;
  /** Milliseconds. */
  readonly takes: (isNeeded: boolean) => number;
}

/** A mirror process that serves: the agent's own decisions, with a guest, a disk and a network of the simulation. */
export class Serving implements ServingMirror {
  isOver = false;
  readonly #shared: SharedState;
  readonly #world: Surroundings;
  readonly #host: Host;
  readonly #setting: ResyncSetting;
  readonly #marks: ZoneMarks;
  readonly #replication: Replication<Link, Copy>;
  readonly #watchdog: Watchdog;
  readonly #requests: Requests;
  readonly #ownDisk: { hasFailed: boolean };
  #isBusy = false;
  #dueInDispatcher: (() => void)[] = [];
  /** What the agent waits for. */
  readonly #epochWaits = new Map<number, Done>();
  #onReleased: Done = () => undefined;
  #attachment: Attachment | null = null;
  #nextToken = 1;
  #onEndTold: (number: number | null) => void = () => undefined;

  /** @throws Node's file errors */
  constructor(world: Surroundings, host: Host, setting: ResyncSetting) {
    this.#world = world;
    this.#host = host;
    this.#setting = setting;
    this.#ownDisk = { hasFailed: Boolean(host.replica.value.diskError) };
    const now = (): number => ownTime(host, world.clock.now);
    this.#shared = new SharedState({
      now,
      answer: (reply) => this.#requests.answered(reply),
      wake: () => this.#inDispatcher(0, () => void this.#replication.live()),
      cut: () => this.#attachment?.connection.close('primary'),
    });
    this.#marks = ZoneMarks.open(host.disk.files.marks);
    this.#replication = new Replication({
      shared: this.#shared,
      marks: this.#marks,
      ownDisk: this.#ownDisk,
      now,
      drain: () => this.#requests.finish(),
      settle: () => undefined,
      sendTimes: () => undefined,
      syncLocal: (token) => this.#syncLocal(token),
      nameOfEnd: () => `${host.name}@${String(world.clock.now)}`,
      recordPending: (change) => host.replica.update(change),
      recordEnd: (syncId) => host.replica.update({ syncId, pending: null, consistent: true, stopped: null }),
      tell: (news) => this.#after(0, () => this.#hear(news)),
      onDropped: () => undefined,
    });
    this.#requests = new Requests(world, host, {
      isFrozen: () => this.#shared.frozen,
      after: (ms, run) => this.#inDispatcher(ms, run),
      busyFor: (ms, run) => this.#busyFor(ms, run),
      prepare: (write) => this.#prepare(write),
      announce: (write, reply, isDone) => this.#announce(write, reply, isDone),
      beginFlush: (write, reply) => this.#replication.announceFlush(reply, { ino: write, path: String(write) }, true),
      done: (ticket) => this.#shared.localDone(ticket),
      failed: (ticket) => this.#flushFailed(ticket),
    });
    this.#watchdog = new Watchdog(this.#shared, acknowledgeTimeoutMs, now, (reason) => this.#peerLost(reason));
    this.#watch();
    this.#look();
    this.#settle();
  }

  #settle(): void {
    const { disk } = this.#host;
    const covered = [...disk.unsynced];
    this.#after(this.#requests.flushMs(), () => {
      disk.flush(covered);
      // What was lost meanwhile was told of.
      if (!this.#ownDisk.hasFailed) this.#inDispatcher(0, () => this.#replication.settled());
    });
  }

  get isFrozen(): boolean {
    return this.#shared.frozen;
  }

  // --- time

  /** On a host that stands still it happens when it goes on; when the process is gone, never. */
  #after(ms: number, run: () => void): void {
    this.#world.clock.after(ms, () => this.#whenItRuns(run));
  }

  whenItRuns(ms: number, run: () => void): void {
    this.#after(ms, run);
  }

  #whenItRuns(run: () => void): void {
    const { clock } = this.#world;
    if (this.isOver || this.#host.disk.files.isOff) return;
    if (this.#host.pausedUntil > clock.now) this.#after(this.#host.pausedUntil - clock.now, run);
    else withoutPowerLoss(run);
  }

  #watch(): void {
    this.#after(this.#watchdog.check(), () => this.#watch());
  }

  /** A dispatcher that is frozen takes no request, and does nothing by time. */
  #look(): void {
    this.#replication.live();
    if (!this.#shared.frozen) {
      this.#replication.maintain(false);
      this.#replication.finishIfComplete();
    }
    this.#inDispatcher(lookMs, () => this.#look());
  }

  /** In the dispatcher, between two requests. */
  #inDispatcher(ms: number, run: () => void): void {
    this.#after(ms, () => {
      if (this.#isBusy) this.#dueInDispatcher.push(run);
      else run();
    });
  }

  /** It is at work on one request, and looks at nothing else until that is done. */
  #busyFor(ms: number, run: () => void): void {
    this.#isBusy = true;
    this.#after(ms, () => {
      run();
      this.#isBusy = false;
      const due = this.#dueInDispatcher;
      this.#dueInDispatcher = [];
      for (const each of due) this.#inDispatcher(0, each);
    });
  }

  // --- the guest

  write(write: number): void {
    this.#inDispatcher(0, () => this.#requests.take(() => this.#requests.write(write)));
  }

  #prepare(write: number): boolean {
    try {
      this.#marks.mark(write, 0, 1);
      return true;
    } catch (error) {
      if (error instanceof PowerLoss) throw error;
      return false;
    }
  }

  #announce(write: number, reply: Uint8Array, isDone: boolean): number {
    return this.#replication.announce(reply, isDone ? WaitsFor.nothing : WaitsFor.local, (link) =>
      link.send(ToFollower.mutations, new ByteWriter(8).size(write).done()),
    );
  }

  #flushFailed(ticket: number): void {
    this.#noteLoss();
    this.#replication.fail(ticket, eio);
  }

  /** The disk has lost something that it had taken. */
  #noteLoss(): void {
    this.#ownDisk.hasFailed = true;
    try {
      this.#host.replica.noteDiskError({ code: 'EIO', at: 'some time' });
    } catch (error) {
      if (error instanceof PowerLoss) throw error;
    }
    this.#replication.diskFailed();
  }

  diskFails(): void {
    withoutPowerLoss(() => this.#noteLoss());
  }

  #syncLocal(token: number): void {
    const { disk } = this.#host;
    const covered = [...disk.unsynced];
    this.#after(this.#requests.flushMs(), () => {
      disk.flush(covered);
      this.#inDispatcher(0, () => this.#replication.localSynced(token, this.#ownDisk.hasFailed));
    });
  }

  // --- the follower

  attach(id: string, epoch: number, done: Done): void {
    const follower = otherThan(this.#world, this.#host);
    const network = this.#world.networks.between(this.#host.name, follower.name);
    if (this.#replication.live() || this.#attachment) return done('this mirror has a follower already');
    if (network === null || follower.following?.id !== id) return done('the follower cannot be reached');
    const connection = new Connection(this.#world, this.#host.name, follower.name, network);
    const attachment: Attachment = { connection, link: null };
    this.#attachment = attachment;
    let isAnswered = false;
    const answer = (failure: string | null): void => {
      if (isAnswered) return;
      isAnswered = true;
      if (failure !== null) {
        connection.close('primary');
        if (this.#attachment === attachment) this.#attachment = null;
      }
      done(failure);
    };
    connection.receiveAt('primary', {
      receive: (frame) =>
        this.#after(0, () => {
          if (!connection.isOpenAt('primary')) return;
          if (attachment.link) this.#receive(follower.name, frame);
          else answer(this.#connected(attachment, follower, epoch, frame));
        }),
      ended: () =>
        this.#after(0, () => {
          answer('the follower closed the connection');
          if (this.#attachment === attachment) this.#lose('the peer closed the connection');
        }),
    });
    follower.following.accept(connection);
    connection.send('primary', {
      header: { type: ToFollower.authenticate, number: 1, epoch, length: 0 },
      payload: Buffer.from(JSON.stringify({ module: moduleName, host: this.#host.name })),
    });
    this.#after(connectLimitMs, () => answer('the follower does not answer'));
  }

  #connected(attachment: Attachment, follower: Host, epoch: number, { header, payload }: Frame): string | null {
    const said = JSON.parse(payload.toString('utf8')) as Record<string, unknown>;
    if (header.type !== ToPrimary.welcome) return `refused: epoch ${String(said['epoch'])} (${String(said['reason'])})`;
    const link = new Link(this.#shared, attachment.connection, { epoch, number: 1 }, (reason) =>
      this.#peerLost(reason),
    );
    attachment.link = link;
    this.#shared.connected(1, 1);
    this.#watchdog.reset();
    const about = {
      record: this.#host.replica.value,
      followerRecord: said['record'] as ReplicaRecord,
      followerMarksProblem: said['marksProblem'] as string | null,
      followerName: follower.name,
    };
    this.#inDispatcher(0, () => {
      // As the mirror does: what was announced to nobody is in the files before anybody looks what is to be compared.
      this.#requests.finish();
      this.#replication.attach(link, about, (kind, cause) => this.#resync(link, follower, kind, cause));
    });
    return null;
  }

  #resync(link: Link, follower: Host, kind: 'delta' | 'full', cause: string): Copy {
    const host = this.#host;
    const { clock } = this.#world;
    return new Copy({
      link,
      kind,
      cause,
      now: () => ownTime(host, clock.now),
      ownZones: () => (kind === 'full' ? host.disk.log : this.#marks.marked),
      drain: () => this.#requests.finish(),
      isThere: (zone) => host.disk.log.has(zone),
      onEnd: () => this.#setting.ends(new Set([...host.disk.log, ...this.#requests.underWay])),
      compare: (zones, goOn) => {
        this.#setting.begins(host, follower, zones, kind === 'full');
        const isNeeded = kind === 'full' || !follower.disk.consistent || zones.size > 0;
        this.#inDispatcher(this.#setting.takes(isNeeded), goOn);
      },
      onComplete: () => this.#replication.finishIfComplete(),
    });
  }

  #receive(follower: string, { header, payload }: Frame): void {
    const end = takeAnswer(this.#shared, header, payload, follower, (type, answer) =>
      this.#inDispatcher(0, () => {
        if (this.#replication.live()) this.#replication.onAnswer(type, answer);
      }),
    );
    if (end !== null) this.#lose(end);
  }

  #lose(reason: string): void {
    if (this.#shared.declareLost()) this.#peerLost(reason);
  }

  #peerLost(reason: string): void {
    const { clock, random } = this.#world;
    const { life } = this.#host;
    // What the agent has asked meanwhile may be answered first.
    clock.after(random.between(1, 20), () => {
      if (this.#host.life === life) this.#world.feed(this.#host, { type: 'mirrorPeerLost', reason });
    });
  }

  #hear(news: ReplicationNews): void {
    switch (news.type) {
      case 'sessionDropped':
        this.#attachment = null;
        this.#shared.disconnected();
        return;
      case 'epochEntered':
        this.#epochWaits.get(news.token)?.(null);
        this.#epochWaits.delete(news.token);
        return;
      case 'inStep':
        this.#settleStep(news.number);
        return;
      case 'endTold':
        this.#onEndTold(news.number);
        return;
    }
  }

  /** The pair is in step once the follower has acknowledged what the resync sent last. */
  #settleStep(number: number): void {
    if (this.#shared.link !== LinkState.connected) return;
    if (this.#shared.acked < number) this.#after(stepMs, () => this.#settleStep(number));
    else {
      this.#setting.isOver(this.#host);
      this.#world.feed(this.#host, { type: 'mirrorInStep', replica: factsOf(this.#host) });
    }
  }

  // --- what the agent asks for

  enterEpoch(entry: LineageEntry, done: Done): void {
    const token = this.#nextToken++;
    this.#epochWaits.set(token, done);
    const record = this.#host.replica.value;
    this.#inDispatcher(0, () => this.#replication.enterEpoch(token, entry, record));
  }

  hold(): boolean {
    return this.#shared.setHold(true);
  }

  goAlone(): void {
    this.#shared.goAlone();
    this.#requests.goOn();
  }

  freeze(): void {
    this.#shared.freeze();
  }

  release(done: Done): void {
    if (this.#shared.frozen) return done('the mirror is frozen: let it go on alone, thaw it, or abort it');
    this.#onReleased = done;
    const until = this.#world.clock.now + releaseLimitMs;
    const goOn = (): void => {
      // The mount does not go while something is answered by nobody.
      if (this.#shared.unacknowledged > 0) {
        if (this.#shared.frozen) {
          this.#endRelease('the mirror could not be released (the other host was lost meanwhile): abort it');
        } else this.#inDispatcher(stepMs, goOn);
        return;
      }
      if (!this.#replication.release() && this.#world.clock.now < until) {
        this.#inDispatcher(stepMs, goOn);
        return;
      }
      this.#replication.sayGoodbye();
      this.#after(this.#requests.flushMs(), () => {
        this.#host.disk.flushAll();
        this.#shared.goAlone();
        this.#endRelease(null);
        this.#end('it was released');
      });
    };
    this.#inDispatcher(0, goOn);
  }

  #endRelease(failure: string | null): void {
    const done = this.#onReleased;
    this.#onReleased = () => undefined;
    done(failure);
  }

  tellEnd(done: () => void): void {
    const until = this.#world.clock.now + endLimitMs;
    const wait = (number: number | null): void => {
      const isHeard = number === null || this.#shared.acked >= number;
      if (!isHeard && this.#shared.link === LinkState.connected && this.#world.clock.now < until) {
        this.#after(stepMs, () => wait(number));
        return;
      }
      this.abort();
      done();
    };
    this.#onEndTold = wait;
    this.#inDispatcher(0, () => this.#replication.tellEnd());
  }

  abort(): void {
    if (this.isOver) return;
    this.#shared.abort();
    this.#end('it was aborted');
  }

  dies(): void {
    this.#shared.freeze();
    this.#end('the mirror process ended');
  }

  vanish(silently: boolean): void {
    this.#attachment?.connection.vanish('primary', silently);
    this.isOver = true;
  }

  #end(reason: string): void {
    this.#attachment?.connection.close('primary');
    this.#attachment = null;
    this.isOver = true;
    for (const done of this.#epochWaits.values()) done(reason);
    this.#epochWaits.clear();
    this.#endRelease(reason);
  }
}
