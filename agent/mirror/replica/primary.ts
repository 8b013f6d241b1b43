import { randomUUID } from 'node:crypto';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import {
  clearEvent,
  errnoOf,
  errnos,
  ErrnoError,
  Poll,
  POLLIN,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from '../../platform/libc.ts';
import { collectGarbage, Lull } from '../../platform/lull.ts';
import type { Wakefulness } from '../../platform/wakefulness.ts';
import type { Answer } from '../link/ackMessages.ts';
import { ByteWriter } from '../link/bytes.ts';
import type { DiskWaits } from '../link/diskWaits.ts';
import { WaitsFor } from '../link/heldReplies.ts';
import { pathsOf } from '../link/mutationCodec.ts';
import { outsideOf } from '../link/outside.ts';
import { PrimarySession } from '../link/primarySession.ts';
import { ToFollower, ToPrimary } from '../link/protocol.ts';
import { monotonicMs, SharedState } from '../link/sharedState.ts';
import { describeError } from '../mirrorError.ts';
import type { Difference, MirrorSettings } from '../mirror.ts';
import type { FileRef, Mutation, MutationSink, PreparedReply } from '../mutation.ts';
import { Pace } from '../resync/pace.ts';
import { PrimaryResync } from '../resync/primaryResync.ts';
import { PrimaryVerify } from '../verify/primaryVerify.ts';
import { markDifferences } from '../verify/markDifferences.ts';
import { pathsBelow } from '../undo/undoJournal.ts';
import { unfinished } from '../verify/report.ts';
import type { Crossing } from './crossing.ts';
import { DirtyTimes } from './dirtyTimes.ts';
import { MainCaller } from './mainCall.ts';
import { markFiles } from './markFile.ts';
import { OwnDisk } from './ownDisk.ts';
import type { DispatcherSetup, FromDispatcher, ToDispatcher } from './primaryMessages.ts';
import { Replication } from './replication.ts';
import { ReplicationBorder } from './replicationBorder.ts';
import { rootsOf } from './roots.ts';
import { parentOf, ReplicaTree } from './tree.ts';
import { UnwatchedChanges } from './unwatchedChanges.ts';
import { ZoneMarks } from './zoneMarks.ts';

const TIMES_EVERY_MS = 500;
const TIMES_AT_ONCE = 200;
const STATS_EVERY_MS = 500;
/** How often a verify is looked at, and a resync that waits for nothing but the peer. */
const VERIFY_MS = 20;
const RESYNC_MS = 500;
/** After so long without a step of the resync one is made under load, too. */
const OVERDUE_MS = 10;
/** At a release the files are looked through for so long at most. */
const LOOK_LIMIT_MS = 5_000;
/** Both replicas have this long to become durable when the mirror is released. */
const RELEASE_LIMIT_MS = 60_000;
const COLLAPSE_OR_INSERT = 8 | 32;
const EXCHANGE = 2;
/** What crosses the border of what is replicated takes any number of frames: a barrier behind them is what is waited for. */
const FRAMES_OF_CROSSING = Number.MAX_SAFE_INTEGER / 2;

/** Requests that the disk is at work on while the dispatcher goes on. */
export interface LocalDisk {
  /** Finishes those that are done. */
  readonly reap: () => void;
  /** Waits for all of them, and finishes them. */
  readonly drain: () => void;
  /** Begins those that were put together. */
  readonly settle: () => void;
}

/**
 * The primary's replica in the dispatcher's thread: marks what is about to change, sends what was changed, holds the replies, and runs the
 * resync between two requests. Everything ordered is decided here, by one thread.
 */
export class Primary implements MutationSink {
  readonly #setup: DispatcherSetup;
  readonly #port: MessagePort;
  readonly #shared: SharedState;
  readonly #main: MainCaller;
  readonly #tree: ReplicaTree;
  readonly #marks: ZoneMarks;
  /** Null once a resync has compared everything, or when nobody can tell. */
  #unwatched: UnwatchedChanges | null;
  readonly #ownDisk: OwnDisk;
  readonly #replication: Replication<PrimarySession, PrimaryResync>;
  readonly #dirtyTimes: DirtyTimes;
  readonly #border: ReplicationBorder;
  readonly #wakePoll: Poll;
  #answers: MessagePort | null = null;
  readonly #pace: Pace;
  /** Requests of the guest's. */
  #requests = 0;
  #verify: PrimaryVerify | null = null;
  #timesAt = 0;
  #statsAt = 0;
  /** Something of the stats may have changed since they were told. */
  #statsDue = true;
  readonly #lull = new Lull(monotonicMs());
  /** When it was last looked what is due, and whether the resync can go on. */
  #lookedAt = 0;
  #steppedAt = 0;
  #stopping = false;
  #releasing = false;
  /** A request has changed something since {@link afterRequest}. */
  #changed = false;
  #writes = 0;
  #bytesWritten = 0;
  #flushes = 0;

  /** What the disk of this host is at work on for requests that were begun: the mount's. */
  localDisk: LocalDisk = { reap: () => undefined, drain: () => undefined, settle: () => undefined };

  /** The mount's and the thread's part of what may change while they serve. */
  onReconfigured: (settings: MirrorSettings) => void = () => undefined;

  /** The thread's: let go of while it takes no request. */
  wakefulness: Wakefulness | null = null;
  /** Who waits for this host's disk. */
  readonly diskWaits: DiskWaits;

  /** @param rootFd readable descriptor of the root below the mount */
  constructor(setup: DispatcherSetup, rootFd: number) {
    this.#setup = setup;
    this.#port = setup.port;
    this.#shared = new SharedState(outsideOf(setup.fuseFd, setup.wakeFd), setup.shared);
    this.diskWaits = this.#shared.disk;
    this.#main = new MainCaller(setup.callPort, new Int32Array(setup.callFlag));
    this.#ownDisk = new OwnDisk(this.#main, setup.diskHasFailed);
    const roots = rootsOf(setup.directories);
    this.#tree = new ReplicaTree(rootFd, roots);
    this.#marks = ZoneMarks.open(markFiles(setup.stateDirectory));
    this.#unwatched = UnwatchedChanges.since(setup.stopped, this.#marks.marked);
    this.#replication = new Replication({
      shared: this.#shared,
      marks: this.#marks,
      ownDisk: this.#ownDisk,
      now: monotonicMs,
      drain: () => this.localDisk.drain(),
      settle: () => this.settle(),
      sendTimes: () => this.#sendTimes(),
      syncLocal: (token) => this.#post({ type: 'syncLocal', token }),
      nameOfEnd: randomUUID,
      recordPending: (change) => this.#main.call({ op: 'updateRecord', change }),
      recordEnd: (syncId) => this.#recordEnd(syncId),
      tell: (news) => this.#post(news),
      onDropped: () => this.#onDropped(),
    });
    this.#border = new ReplicationBorder(this.#tree, setup.exclude, roots);
    this.#dirtyTimes = new DirtyTimes(this.#tree, this.#border.excluded);
    this.#pace = new Pace({ paused: false, bandwidth: setup.resyncBandwidth }, monotonicMs());
    this.#wakePoll = new Poll([{ fd: setup.wakeFd, events: POLLIN }]);
  }

  #post(message: FromDispatcher): void {
    this.#port.postMessage(message);
  }

  get #session(): PrimarySession | null {
    return this.#replication.session;
  }

  get #resync(): PrimaryResync | null {
    return this.#replication.resync;
  }

  #liveSession(): PrimarySession | null {
    return this.#replication.live();
  }

  #onDropped(): void {
    this.#endVerify('incomplete', 'the secondary was lost');
    this.#answers?.close();
    this.#answers = null;
    this.#dirtyTimes.clear();
    this.#statsDue = true;
  }

  /** @throws MirrorError when it cannot be made durable */
  #recordEnd(syncId: string): void {
    this.#main.call({ op: 'updateRecord', change: { syncId, pending: null, consistent: true, stopped: null } });
    this.#unwatched = null;
  }

  // --- the mount's changes

  /** Marks what is about to change. @throws ErrnoError when the mark cannot be made durable: the change is refused then */
  prepare(mutation: Mutation): void {
    try {
      this.#markUnwatched(mutation);
      this.#mark(mutation);
    } catch (error) {
      throw new ErrnoError(errnoOf(error) ?? errnos.EIO, 'zone mark');
    }
    if (this.#session) this.#noteTimes(mutation);
  }

  /**
   * Before the change: even one that fails may set a time, that of a file (no space), or that of a directory in which a name was made and taken back.
   * And names that are not replicated change the time of a directory that is.
   */
  #noteTimes(mutation: Mutation): void {
    const { excluded } = this.#border;
    if (mutation.kind === 'write' || mutation.kind === 'truncate' || mutation.kind === 'fallocate') {
      const { path } = mutation.file;
      if (path !== null && !excluded(path)) this.#dirtyTimes.note(mutation);
    } else if (!('file' in mutation) || mutation.kind === 'link') {
      for (const path of pathsOf(mutation)) if (!excluded(parentOf(path))) this.#dirtyTimes.add(parentOf(path));
    }
  }

  /** What was changed behind the mirror is marked before the mirror changes it, too: afterwards only the mirror's own change would be known. */
  #markUnwatched(mutation: Mutation): void {
    if (this.#unwatched === null) return;
    if (mutation.kind === 'write' && this.#unwatched.knows(mutation.file.ino)) return;
    for (const path of pathsOf(mutation)) this.#isUnwatched(path);
  }

  /** Whether a file was changed behind the mirror; then it is marked as a whole. @throws Node's file errors */
  readonly #isUnwatched = (path: string): boolean => {
    const stat = this.#unwatched === null ? null : this.#tree.stat(path);
    if (stat === null) return false;
    return this.#unwatched?.look(stat, () => this.#marks.markWhole(stat.ino)) === true;
  };

  #mark(mutation: Mutation): void {
    const marks = this.#marks;
    switch (mutation.kind) {
      case 'write':
        marks.mark(mutation.file.ino, mutation.offset, mutation.offset + mutation.data.length);
        return;
      case 'truncate': {
        const stat = mutation.file.path === null ? null : this.#tree.stat(mutation.file.path);
        if (stat === null) marks.markWhole(mutation.file.ino);
        else if (stat.size !== mutation.size) {
          marks.mark(mutation.file.ino, Math.min(stat.size, mutation.size), Math.max(stat.size, mutation.size));
        }
        return;
      }
      case 'fallocate':
        if ((mutation.mode & COLLAPSE_OR_INSERT) !== 0) marks.markWhole(mutation.file.ino);
        else marks.mark(mutation.file.ino, mutation.offset, mutation.offset + mutation.length);
        return;
      case 'link':
        marks.markWhole(mutation.file.ino);
        return;
      case 'unlink':
        marks.removed(mutation.ino);
        this.#sendTimeOf(mutation.path);
        return;
      case 'rename':
        this.#markRename(mutation);
        return;
      default:
        // Names, owners, modes and the like are compared at every resync, marked or not.
        return;
    }
  }

  #markRename({ from, to, flags }: Extract<Mutation, { kind: 'rename' }>): void {
    const moved = this.#tree.stat(from);
    const target = this.#tree.stat(to);
    const type = (stat: typeof moved) => (stat === null ? 0 : stat.mode & S_IFMT);
    const whole: number[] = [];
    if ((flags & EXCHANGE) !== 0) {
      if (type(moved) === S_IFDIR || type(target) === S_IFDIR) this.#marks.markEverything();
    } else if (target !== null) this.#sendTimeOf(to);
    // Moved away, or replaced: a loss of power may give it its name back while the follower has the other file there.
    if (target !== null && type(target) === S_IFREG) whole.push(target.ino);
    // By a name that is not replicated no time is sent.
    if (this.#border.excluded(to)) this.#sendTimeOf(from);
    // Files that were not replicated become so: the follower may have older ones of their names.
    if (type(moved) === S_IFDIR && this.#border.reveals({ from, to })) this.#marks.markEverything();
    // The content may now stand where the follower has an older file of that name; that of a directory is what is below it.
    if (moved !== null && (type(moved) === S_IFREG || type(moved) === S_IFDIR)) whole.push(moved.ino);
    this.#marks.markWhole(...whole);
  }

  /** A name is about to go that a time is to be sent for; the file may have others. */
  #sendTimeOf(path: string): void {
    const mutation = this.#dirtyTimes.takeOne(path);
    if (mutation && this.#session) this.#send([mutation]);
  }

  commit(mutations: readonly Mutation[], reply: PreparedReply): boolean {
    this.#announce(mutations, reply, WaitsFor.nothing);
    return true;
  }

  begin(mutation: Mutation, reply: PreparedReply): number {
    return this.#announce([mutation], reply, WaitsFor.local);
  }

  /** Sends what was changed or is about to be, and holds the reply. @returns the reply's ticket */
  #announce(mutations: readonly Mutation[], reply: PreparedReply, waits: number): number {
    this.#changed = this.#statsDue = true;
    // First: what is finished meanwhile may send frames, too.
    this.#shared.makeRoom(this.#whileFull);
    for (const mutation of mutations) {
      if (mutation.kind === 'write') {
        this.#writes++;
        this.#bytesWritten += mutation.data.length;
      } else if (mutation.kind === 'rename' || mutation.kind === 'rmdir') {
        // The mount has moved directories behind this tree's back.
        this.#tree.forgetDirectories();
      }
      this.#border.noteChange(mutation);
    }
    const replicated = this.#replicated(mutations);
    for (const mutation of replicated) {
      if (mutation.kind === 'create') this.#marks.created(mutation.ino);
      this.#dirtyTimes.note(mutation);
    }
    const session = this.#liveSession();
    const markBefore = !this.#shared.inStep || this.#marks.hasRemoved;
    if (markBefore) this.#markMade(replicated);
    const isSent = session !== null && replicated.length > 0;
    const crossing = isSent ? this.#border.crossing(replicated) : null;
    const send = (to: PrimarySession, ticket: number): void => this.#sendReplicated(to, replicated, crossing, ticket);
    const beyond = crossing ? FRAMES_OF_CROSSING : 0;
    const ticket = this.#replication.announce(reply.bytes, waits, isSent ? send : null, beyond);
    if (!markBefore) this.#markMade(replicated);
    return ticket;
  }

  readonly #whileFull = (): void => {
    this.settle();
    this.localDisk.settle();
    this.localDisk.reap();
  };

  gather(): void {
    this.#session?.gather();
  }

  settle(): void {
    this.#session?.settle();
  }

  unknown(): void {
    this.#liveSession()?.lost('what a change that failed left in its file could not be read');
  }

  finish(begun: number, errno: number, repair: readonly Mutation[] | null): void {
    if (errno === 0) {
      this.#shared.localDone(begun);
      return;
    }
    // Of a flush there is nothing to repair.
    if (repair?.length === 0) {
      this.#ownDisk.flushed(errno);
      this.#replication.diskFailed();
    }
    const session = this.#liveSession();
    if (session && repair === null) session.lost('what a write that failed left in its file could not be read');
    const replicated = this.#replicated(repair ?? []);
    // A flush may have sent the file's time meanwhile, which these change once more.
    for (const mutation of replicated) this.#dirtyTimes.note(mutation);
    // What repairs the content of a file leaves its names alone.
    if (session?.alive && replicated.length > 0) this.#sendReplicated(session, replicated, null, begun);
    this.#replication.fail(begun, errno);
  }

  /**
   * A new file is marked as a whole, since the follower may have an older one of its name: nothing that is written to it later tells of the
   * holes that it keeps, and a process that comes after this one does not know that it is new. In step behind the frame, so that the follower
   * makes the file meanwhile, and its acknowledgement is awaited; else before the reply goes out. Where a file was removed that may have had
   * the name, before the frame: this host may come back from a loss of power with that file, and the follower with the new one.
   */
  #markMade(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      if (mutation.kind !== 'create') continue;
      try {
        this.#marks.markWhole(mutation.ino);
      } catch {
        // The write will try it again, and be refused if it must.
        return;
      }
    }
  }

  /** What of these changes the follower must see. */
  #replicated(mutations: readonly Mutation[]): Mutation[] {
    return mutations.map((each) => this.#border.replicated(each)).filter((each) => each !== null);
  }

  #sendReplicated(
    session: PrimarySession,
    mutations: readonly Mutation[],
    crossing: Crossing | null,
    ticket: number,
  ): void {
    if (crossing) this.#sendCrossing(session, mutations, crossing, ticket);
    else this.#send(mutations);
    if (this.#resync) for (const mutation of mutations) this.#resync.onMutation(mutation);
    if (this.#verify) for (const mutation of mutations) this.#verify.onMutation(mutation);
  }

  #sendCrossing(session: PrimarySession, mutations: readonly Mutation[], crossing: Crossing, ticket: number): void {
    this.#send(crossing.told ? mutations : mutations.filter((each) => each !== crossing.mutation));
    // What is described below has to be in the files.
    this.localDisk.drain();
    for (const { path, making } of this.#border.anew(crossing.anew)) {
      session.send(ToFollower.removeTree, new ByteWriter().text(path).done());
      // Making it changes the time of the follower's directory.
      this.#dirtyTimes.add(parentOf(path));
      for (const mutation of making) this.#send([mutation]);
    }
    // A resync may not have come to the names that they were made links of.
    this.#resync?.sentAnew(crossing.anew);
    session.send(ToFollower.barrier);
    this.#shared.retarget(ticket, session.lastNumber);
  }

  #send(mutations: readonly Mutation[]): void {
    if (mutations.length === 0) return;
    this.#session?.sendMutations(mutations);
    this.#replication.noteSent();
  }

  beginFlush(file: FileRef, datasync: boolean, reply: PreparedReply): number {
    this.#changed = this.#statsDue = true;
    this.#shared.makeRoom(this.#whileFull);
    this.#flushes++;
    let session = this.#liveSession();
    const path = session && this.#shared.inStep ? this.#border.nameOf(file) : null;
    if (path === '' && !datasync) {
      // The root stands for everything. What is waited for may have failed, and have found the secondary lost.
      this.#sendTimes();
      session = this.#liveSession();
    }
    // fdatasync(2) does not ask for it, and it would cost both file systems a commit of their journals.
    const time = datasync || !session || path === null ? null : this.#dirtyTimes.takeOne(path);
    if (time) {
      this.gather();
      this.#send([time]);
    }
    const ticket = this.#replication.announceFlush(reply.bytes, { ino: file.ino, path }, datasync);
    this.settle();
    return ticket;
  }

  released(ino: number): void {
    this.#border.released(ino);
  }

  // --- between requests

  /** What a change has made due. */
  readonly afterRequest = (): void => {
    this.#requests++;
    if (this.#shared.frozen) this.#park();
    if (!this.#changed) return;
    this.#changed = false;
    this.#maintain();
  };

  /** One step of the resync, or what is due. Returns whether there is more to do at once. */
  readonly idleStep = (): boolean => {
    this.#maintain();
    if (this.#verify && this.#liveSession()) return this.#stepVerify(this.#verify);
    const resync = this.#resync;
    const startedAt = this.#lookedAt;
    this.#steppedAt = startedAt;
    if (!resync || !this.#liveSession() || !this.#pace.open(startedAt)) return false;
    try {
      // What was sent has to be in the files before they are read.
      this.localDisk.drain();
      if (resync.step() || this.#sendSomeTimes(resync)) {
        const now = monotonicMs();
        this.#lookedAt = this.#steppedAt = now;
        this.#pace.worked(now - startedAt, now, this.#requests);
        return this.#pace.open(now);
      }
    } catch (error) {
      // Reading this replica failed: the guest goes on, the pair is not whole.
      this.#session?.lost(`the resync failed on this host: ${describeError(error).message}`);
      return false;
    }
    this.#replication.finishIfComplete();
    return false;
  };

  /** Requests that wait one behind the other must not keep the resync from its share. */
  readonly isOverdue = (): boolean => this.#resync !== null && monotonicMs() - this.#steppedAt >= OVERDUE_MS;

  /**
   * At the end of a resync of a million files there are as many times to send: most of them in pieces, for the guest's requests come between.
   * Returns whether it was one of those.
   */
  #sendSomeTimes(resync: PrimaryResync): boolean {
    if (!resync.complete || this.#dirtyTimes.size <= TIMES_AT_ONCE) return false;
    this.#send(this.#dirtyTimes.take(TIMES_AT_ONCE));
    return true;
  }

  #stepVerify(verify: PrimaryVerify): boolean {
    if (verify.complete) this.#endVerify('complete', null);
    if (!verify.ready) return false;
    // What was sent has to be in the files before they are read.
    this.localDisk.drain();
    // That may have found the secondary lost.
    if (this.#liveSession()) verify.step();
    return true;
  }

  #endVerify(outcome: 'complete' | 'stopped' | 'incomplete', reason: string | null): void {
    const verify = this.#verify;
    this.#verify = null;
    if (verify) this.#post({ type: 'verified', report: verify.report(outcome, reason) });
  }

  #startVerify(bandwidth: number | null): void {
    const session = this.#liveSession();
    if (!session || !this.#shared.inStep) {
      this.#post({ type: 'verified', report: unfinished('the secondary is not in step any more') });
      return;
    }
    this.#verify = new PrimaryVerify({
      session,
      tree: this.#tree,
      excluded: this.#border.excluded,
      hasExcluded: this.#border.hasExcluded,
      settleTimes: () => this.#sendTimes(),
      bandwidth,
    });
  }

  #markDifferences(token: number, differences: readonly Difference[] | null): void {
    let error: string | null = null;
    try {
      // The secondary that was given up is let go of first: its last turn of the marks must not drop these.
      this.#liveSession();
      markDifferences(this.#marks, this.#tree, differences);
    } catch (failure) {
      error = describeError(failure).message;
    }
    this.#post({ type: 'differencesMarked', token, error });
  }

  /** Handles what other threads want. Returns false when the dispatcher shall end. */
  readonly onWake = (): boolean => {
    clearEvent(this.#setup.wakeFd);
    this.#drain();
    if (this.#shared.frozen) this.#park();
    this.#maintain();
    // A release comes when the mount is gone, or nobody uses what is left of it.
    return !this.#stopping && !this.#releasing && !this.#shared.aborted;
  };

  /** Takes no request until the freeze ends. */
  #park(): void {
    this.settle();
    this.localDisk.drain();
    while (this.#shared.frozen && !this.#shared.aborted && !this.#stopping && !this.#releasing) {
      if (!this.#shared.parked) this.wakefulness?.pause();
      this.#shared.parked = true;
      this.#waitAndDrain(-1);
    }
    if (this.#shared.parked) this.wakefulness?.goOn();
    this.#shared.parked = false;
  }

  #drain(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { message: ToDispatcher } | undefined;
      if (!received) break;
      this.#onMessage(received.message);
    }
    while (this.#answers) {
      const received = receiveMessageOnPort(this.#answers) as { message: Answer } | undefined;
      if (!received) break;
      this.#onAnswer(received.message.type, Buffer.from(received.message.payload));
    }
    this.#liveSession();
  }

  #onMessage(message: ToDispatcher): void {
    this.#statsDue = true;
    switch (message.type) {
      case 'attach':
        this.#attach(message);
        return;
      case 'epoch':
        this.#replication.enterEpoch(message.token, message.entry, message.record);
        return;
      case 'localSynced':
        if (message.failed) this.#ownDisk.syncFailed();
        this.#replication.localSynced(message.token, message.failed);
        return;
      case 'settled':
        if (message.failed) {
          this.#ownDisk.syncFailed();
          this.#replication.diskFailed();
        } else this.#replication.settled();
        return;
      case 'tellEnd':
        this.#replication.tellEnd();
        return;
      case 'release':
        this.#releasing = true;
        return;
      case 'stop':
        this.#stopping = true;
        return;
      case 'paceResync':
        this.#pace.set(message.pace, monotonicMs());
        return;
      case 'reconfigure':
        this.onReconfigured(message.settings);
        return;
      case 'verify':
        this.#startVerify(message.bandwidth);
        return;
      case 'stopVerify':
        this.#endVerify('stopped', 'it was stopped');
        return;
      case 'markDifferences':
        this.#markDifferences(message.token, message.differences);
        return;
      case 'tick':
        return;
    }
  }

  #attach(message: Extract<ToDispatcher, { type: 'attach' }>): void {
    this.localDisk.drain();
    // It takes the answers of the one before along.
    this.#replication.drop();
    this.#answers = message.answers;
    const session = new PrimarySession({
      shared: this.#shared,
      fd: message.fd,
      key: Buffer.from(message.sendKey, 'base64'),
      sealed: message.sealed,
      epoch: message.epoch,
      onLost: (reason) => this.#post({ type: 'lost', reason }),
    });
    this.#replication.attach(
      session,
      message,
      (kind, cause) =>
        new PrimaryResync({
          session,
          shared: this.#shared,
          tree: this.#tree,
          marks: this.#marks,
          dirtyTimes: this.#dirtyTimes,
          excluded: this.#border.excluded,
          isUnwatched: this.#isUnwatched,
          kind,
          cause,
          pace: this.#pace,
        }),
    );
  }

  #onAnswer(type: number, payload: Buffer): void {
    if (!this.#session) return;
    this.#statsDue = true;
    try {
      if (type === ToPrimary.verified) this.#verify?.onAnswer(payload);
      else this.#replication.onAnswer(type, payload);
    } catch (error) {
      this.#session?.lost(`the follower's answer could not be handled: ${describeError(error).message}`);
    }
  }

  #sendTimes(): void {
    // The time of a write that is under way is final when it is done.
    if (!this.#dirtyTimes.empty) this.localDisk.drain();
    while (this.#session && !this.#dirtyTimes.empty) this.#send(this.#dirtyTimes.take());
  }

  /** For how long after it {@link idleStep} has nothing to do by time, milliseconds; -1: for ever. */
  readonly quietMs = (): number => {
    const now = this.#lookedAt;
    let due = Math.min(this.#lull.dueAt, this.#statsDue ? this.#statsAt + STATS_EVERY_MS : Infinity);
    if (this.#session) {
      if (this.#verify) due = Math.min(due, now + VERIFY_MS);
      if (this.#resync) due = Math.min(due, now + Math.min(RESYNC_MS, this.#pace.restMs(now) ?? RESYNC_MS));
      else if (!this.#dirtyTimes.empty) due = Math.min(due, this.#timesAt + TIMES_EVERY_MS);
      due = Math.min(due, this.#replication.dueAt(this.#pace.paused));
    }
    return due === Infinity ? -1 : Math.max(1, Math.ceil(due - now));
  };

  #tellStats(now: number): void {
    this.#statsAt = now;
    this.#statsDue = false;
    const stats = {
      writes: this.#writes,
      bytesWritten: this.#bytesWritten,
      flushes: this.#flushes,
      markedBytes: this.#marks.bytes,
    };
    this.#post({ type: 'stats', stats });
  }

  /** What is due by time. Cheap when nothing is. */
  #maintain(): void {
    const now = monotonicMs();
    this.#lookedAt = now;
    if (this.#lull.turn(now)) collectGarbage();
    if (this.#statsDue && now - this.#statsAt >= STATS_EVERY_MS) this.#tellStats(now);
    if (!this.#session || !this.#liveSession()) {
      // Without a follower nobody needs the times: the next resync compares them all.
      this.#dirtyTimes.clear();
      return;
    }
    const verified = this.#verify?.progressReport(now);
    if (verified) this.#post({ type: 'verify', progress: verified });
    const report = this.#resync?.ledger.report(now);
    if (report) this.#post({ type: 'resync', progress: report });
    if (now - this.#timesAt >= TIMES_EVERY_MS) {
      this.#timesAt = now;
      // During a resync the content comes first; its end sends the times.
      if (!this.#resync) this.#sendTimes();
    }
    this.#replication.maintain(this.#pace.paused);
  }

  // --- the end

  /** After the mount is gone: waits for an orderly release or the end, and carries the release out. */
  afterUnmount(): void {
    this.settle();
    this.#post({ type: 'unmounted' });
    while (!this.#releasing && !this.#stopping && !this.#shared.aborted) this.#waitAndDrain(1000);
    if (this.#releasing && !this.#stopping && !this.#shared.aborted) {
      this.#release();
      this.#post({ type: 'released', allMarked: this.#markAllUnwatched() });
    }
    this.close();
  }

  #waitAndDrain(ms: number): void {
    this.#shared.disk.elsewhere();
    this.#wakePoll.wait(ms);
    this.#shared.disk.busy();
    clearEvent(this.#setup.wakeFd);
    this.#drain();
  }

  #release(): void {
    this.#endVerify('incomplete', 'the mirror was released');
    const limit = monotonicMs() + RELEASE_LIMIT_MS;
    while (!this.#replication.release() && monotonicMs() < limit && !this.#stopping) this.#waitAndDrain(100);
    this.#replication.sayGoodbye();
  }

  /** The moment of this end takes the place of the one before: what was changed behind the mirror since then has to be known by marks. */
  #markAllUnwatched(): boolean {
    if (this.#unwatched === null) return true;
    const limit = monotonicMs() + LOOK_LIMIT_MS;
    try {
      for (const path of pathsBelow(this.#tree, '')) {
        if (monotonicMs() > limit) return false;
        if (!this.#border.excluded(path)) this.#isUnwatched(path);
      }
      return true;
    } catch (error) {
      console.error(`What was changed behind the mirror could not be marked: ${describeError(error).message}`);
      return false;
    }
  }

  close(): void {
    this.#marks.close();
    this.#tree.forgetDirectories();
  }
}
