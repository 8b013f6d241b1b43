import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import {
  accept,
  clearEvent,
  close,
  errnoOf,
  errnos,
  Poll,
  POLLIN,
  setNonBlocking,
  setTcpOptions,
  setUmask,
} from '../../platform/libc.ts';
import { collectGarbage, Lull } from '../../platform/lull.ts';
import { ConnectionEnd } from '../link/connectionEnd.ts';
import { FollowerConnection } from '../link/followerConnection.ts';
import { monotonicMs } from '../link/sharedState.ts';
import type { MirrorSettings, ReplicaRecord } from '../mirror.ts';
import { Wakefulness } from '../../platform/wakefulness.ts';
import { describeError } from '../mirrorError.ts';
import { Applier } from './applier.ts';
import { excludedByPlace, excludedPaths } from './excluded.ts';
import { FollowerFlushes } from './followerFlushes.ts';
import type { FollowerSetup, FromFollowerThread, ToFollowerThread } from './followerMessages.ts';
import { FollowerSession, type SessionContext } from './followerSession.ts';
import { FollowerWork, type WorkContext } from './followerWork.ts';
import { MainCaller } from './mainCall.ts';
import { markFiles } from './markFile.ts';
import { RecordStore } from './record.ts';
import { recordPlace } from './recordPlace.ts';
import { numberRoots, rootsOf } from './roots.ts';
import { SessionTurn } from './sessionTurn.ts';
import { StateKeeper } from '../undo/stateKeeper.ts';
import { ReplicaTree } from './tree.ts';
import { loadMarks } from './zoneMarks.ts';

/** A connection has to authenticate within this time, milliseconds. */
const GREETING_LIMIT_MS = 5000;
const MOST_STRANGERS = 4;
/** What the primary sent before a promotion is applied, for at most this long. */
const DRAIN_LIMIT_MS = 2000;
const SEND_LIMIT_MS = 10_000;

/**
 * The thread of a follower: waits for connections and frames, applies, acknowledges. A new authentic connection takes the place of the old
 * one, which may be dead without knowing it.
 */
class FollowerThread {
  readonly #setup: FollowerSetup;
  readonly #applier: Applier;
  readonly #tree: ReplicaTree;
  readonly #excluded: (path: string) => boolean;
  readonly #excludedByPlace: (directory: string) => boolean;
  readonly #main: MainCaller;
  readonly #epoch: Float64Array;
  readonly #turn: SessionTurn;
  readonly #wakefulness: Wakefulness;
  readonly #flushes = new FollowerFlushes((session, frame, errno) => {
    if (session === this.#sessionNumber) this.#guarded((each) => each.flushed(frame, errno));
  });
  readonly #lull = new Lull(monotonicMs());
  #resyncUndo: number | null;
  #record: ReplicaRecord;
  #session: FollowerSession<FollowerConnection> | null = null;
  /** Number of the session, and how many connections ever were one. */
  #sessionNumber = 0;
  #sessions = 0;
  #strangers: FollowerConnection[] = [];
  #stopping = false;

  constructor(setup: FollowerSetup) {
    this.#setup = setup;
    const roots = rootsOf(setup.rootFds.length);
    numberRoots(setup.rootFd, roots);
    this.#tree = new ReplicaTree(setup.rootFd, roots, setup.rootFds);
    this.#excluded = excludedPaths(setup.exclude, roots);
    this.#excludedByPlace = excludedByPlace(setup.exclude, roots);
    this.#applier = new Applier(this.#tree, this.#excluded);
    this.#main = new MainCaller(setup.callPort, new Int32Array(setup.callFlag));
    this.#epoch = new Float64Array(setup.epoch);
    this.#turn = new SessionTurn(setup.turn);
    this.#wakefulness = new Wakefulness(setup.processors === 'awake');
    this.#resyncUndo = setup.resyncUndo;
    this.#record = RecordStore.open(recordPlace(setup.stateDirectory), setup.module).value;
  }

  #post(message: FromFollowerThread): void {
    this.#setup.port.postMessage(message);
  }

  run(): void {
    const { listenFd, wakeFd } = this.#setup;
    // poll(2) leaves a negative descriptor out.
    const flushFd = this.#flushes.eventFd ?? -1;
    setNonBlocking(listenFd, true);
    this.#post({ type: 'ready' });
    let polled: FollowerConnection[] | null = null;
    let poll = new Poll([]);
    while (!this.#stopping) {
      const connections = [...(this.#session ? [this.#session.connection] : []), ...this.#strangers];
      if (
        polled === null ||
        connections.length !== polled.length ||
        connections.some((each, index) => each !== polled?.[index])
      ) {
        poll = new Poll(
          [wakeFd, listenFd, flushFd, ...connections.map((each) => each.fd)].map((fd) => ({ fd, events: POLLIN })),
        );
        polled = connections;
      }
      const waitMs = this.#strangers.length > 0 ? GREETING_LIMIT_MS : this.#restMs();
      if (poll.wait(waitMs) > 0) this.#wakefulness.note();
      else if (waitMs > 0) this.#wakefulness.rest();
      if (poll.result(0) !== 0) this.#onWake();
      if (poll.result(2) !== 0) this.#flushes.onEvent();
      connections.forEach((connection, index) => {
        // One that has just been ended is nobody's any more, and its descriptor may be another file's.
        const isOurs = this.#session?.connection === connection || this.#strangers.includes(connection);
        if (isOurs && poll.result(index + 3) !== 0) this.#onReadable(connection);
      });
      if (poll.result(1) !== 0) this.#accept();
      this.#dropSlowStrangers();
      if (this.#lull.turn(monotonicMs())) collectGarbage();
    }
    this.#drain();
    this.#wakefulness.end();
    this.#applier.forgetAll();
    this.#flushes.close();
    for (const stranger of this.#strangers) stranger.end();
    this.#post({ type: 'stopped' });
  }

  /** How long to wait for what comes next, milliseconds; -1: for ever. */
  #restMs(): number {
    const { waitMs } = this.#wakefulness;
    const { dueAt } = this.#lull;
    return waitMs > 0 || dueAt === Infinity ? waitMs : Math.max(1, Math.ceil(dueAt - monotonicMs()));
  }

  #onWake(): void {
    clearEvent(this.#setup.wakeFd);
    this.#takeMessages();
  }

  #takeMessages(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#setup.port) as { message: ToFollowerThread } | undefined;
      if (!received) return;
      const { message } = received;
      if (message.type === 'stop') this.#stopping = true;
      else if (message.type === 'record') this.#record = message.record;
      else if (message.type === 'reconfigure') this.#reconfigure(message.settings);
      else if (message.session === this.#sessionNumber) {
        this.#guarded((session) => session.synced(message.number, message.finish, message.error));
      }
    }
  }

  #reconfigure({ processors, resyncUndo }: MirrorSettings): void {
    this.#wakefulness.want(processors === 'awake');
    this.#resyncUndo = resyncUndo;
  }

  #accept(): void {
    let fd: number;
    try {
      fd = accept(this.#setup.listenFd).fd;
    } catch (error) {
      if (errnoOf(error) === errnos.EAGAIN || errnoOf(error) === errnos.ECONNABORTED) return;
      throw error;
    }
    if (this.#strangers.length >= MOST_STRANGERS) {
      close(fd);
      return;
    }
    setTcpOptions(fd, { noDelay: true, keepAliveMs: 1000, sendTimeoutMs: SEND_LIMIT_MS });
    this.#strangers.push(new FollowerConnection(fd, this.#setup.session, Buffer.from(this.#setup.key, 'base64')));
  }

  #dropSlowStrangers(): void {
    const oldest = monotonicMs() - GREETING_LIMIT_MS;
    for (const stranger of this.#strangers.filter((each) => each.acceptedAt < oldest)) this.#forgetStranger(stranger);
  }

  #forgetStranger(stranger: FollowerConnection): void {
    this.#strangers = this.#strangers.filter((each) => each !== stranger);
    stranger.end();
  }

  #onReadable(connection: FollowerConnection): void {
    if (this.#session?.connection === connection) {
      this.#guarded((session) => {
        if (connection.receive()) session.process();
      });
      return;
    }
    const number = ++this.#sessions;
    const context = this.#sessionContext(number);
    const work = this.#workContext(number);
    const session = new FollowerSession(context, connection, (port) => new FollowerWork(work, port));
    try {
      if (connection.receive()) session.process();
    } catch (error) {
      if (!(error instanceof ConnectionEnd) && !(error instanceof SyntaxError)) throw error;
      this.#forgetStranger(connection);
      if (!this.#session) this.#post({ type: 'link', connected: false, reason: error.message });
      return;
    }
    if (!connection.authenticated) return;
    this.#strangers = this.#strangers.filter((each) => each !== connection);
    this.#endSession('the primary has connected anew');
    this.#session = session;
    this.#sessionNumber = number;
    this.#turn.enter(number);
    this.#post({ type: 'link', connected: true, reason: null });
  }

  /** Runs something of the session; when its connection ends, so does the session. */
  #guarded(action: (session: FollowerSession<FollowerConnection>) => void): void {
    const session = this.#session;
    if (!session) return;
    try {
      action(session);
    } catch (error) {
      if (!(error instanceof ConnectionEnd)) throw error;
      this.#endSession(error.message);
    }
  }

  #endSession(reason: string): void {
    if (!this.#session) return;
    this.#session.end();
    this.#session = null;
    this.#sessionNumber = 0;
    this.#turn.enter(0);
    // What the end of a resync has just made of the record, before anything is decided by it.
    this.#takeMessages();
    this.#applier.forgetAll();
    this.#post({ type: 'link', connected: false, reason });
  }

  /** Applies what had arrived before the stop, so that a promoted replica holds all that it may have acknowledged, and more. */
  #drain(): void {
    const limit = monotonicMs() + DRAIN_LIMIT_MS;
    while (this.#session && monotonicMs() < limit) {
      let more = false;
      this.#guarded((session) => {
        more = session.connection.receive();
        if (more) session.process();
      });
      if (!more) break;
    }
    this.#endSession('this replica stopped following');
  }

  #sessionContext(session: number): SessionContext {
    const { identity, host, stateDirectory } = this.#setup;
    return {
      identity,
      host,
      now: monotonicMs,
      record: () => this.#record,
      marksProblem: () => loadMarks(markFiles(stateDirectory)).problem,
      epoch: () => this.#epoch[0] ?? 0,
      enterEpoch: (entry) => this.#main.call({ op: 'enterEpoch', entry }),
      requestSync: (number, finish) => this.#post({ type: 'sync', session, number, finish }),
      primaryEnded: (epoch) => this.#post({ type: 'primaryEnded', epoch }),
    };
  }

  #workContext(session: number): WorkContext {
    const { stateDirectory } = this.#setup;
    return {
      tree: this.#tree,
      applier: this.#applier,
      excluded: this.#excluded,
      excludedByPlace: this.#excludedByPlace,
      record: () => this.#record,
      loadMarks: () => loadMarks(markFiles(stateDirectory)),
      keeper: (onStep) =>
        new StateKeeper({
          stateDirectory,
          tree: this.#tree,
          applier: this.#applier,
          main: this.#main,
          record: this.#record,
          limit: () => this.#resyncUndo,
          onStep,
          isOver: () => this.#turn.hasFinished(session),
          onGivenUp: (reason) => this.#post({ type: 'undoGivenUp', session, reason }),
        }),
      flush: (fd, datasync, number, nothingWaits) => this.#flushes.flush(fd, datasync, session, number, nothingWaits),
      diskFailed: (code) => this.#main.call({ op: 'diskFailed', code }),
    };
  }
}

const setup = workerData as FollowerSetup;
try {
  setUmask(0);
  new FollowerThread(setup).run();
} catch (error) {
  setup.port.postMessage({ type: 'crashed', reason: describeError(error).message } satisfies FromFollowerThread);
}
