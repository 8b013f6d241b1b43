import { join } from 'node:path';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { makeDirectoryDurably } from '../../platform/durable.ts';
import {
  close,
  duplicate,
  eventfd,
  O_DIRECTORY,
  O_PATH,
  openat,
  setTcpOptions,
  shutdown,
  signalEvent,
} from '../../platform/libc.ts';
import type { AckSetup, FromAckThread } from '../link/ackMessages.ts';
import { PROTOCOL_VERSION } from '../link/protocol.ts';
import { versionConflict } from '../link/greeting.ts';
import { mirrorIdentity } from '../link/mirrorIdentity.ts';
import { outsideOf } from '../link/outside.ts';
import { Link, monotonicMs, SharedState } from '../link/sharedState.ts';
import {
  directoriesOf,
  type Difference,
  type DiskError,
  type FollowerEndpoint,
  type LineageEntry,
  type MirrorEvent,
  type MirrorOptions,
  type MirrorSettings,
  type ResyncPace,
  type Stopped,
  type VerifyReport,
} from '../mirror.ts';
import { describeError, MirrorError } from '../mirrorError.ts';
import { tellKeeper } from '../mount/keep.ts';
import { type FuseMount, mountFuse, mountOf } from '../mount/mountFuse.ts';

import { unfinished } from '../verify/report.ts';
import { syncFileSystems } from './backgroundCalls.ts';
import { lossOf } from './diskLoss.ts';
import { DiskWatch } from './diskWatch.ts';
import { type Location, mountFolder, mountName } from './location.ts';
import type { Inherited, TakenOver } from './inherited.ts';
import { answerCall, type CallMessage } from './mainCall.ts';
import type { DispatcherSetup, DispatcherStats, FromDispatcher, ToDispatcher } from './primaryMessages.ts';
import type { RecordStore } from './record.ts';
import { pathOfShown, shownPath } from './roots.ts';
import { ServedPlaces } from './servedPlaces.ts';
import { takeMountAway } from './takeMountAway.ts';
import { Watchdog } from './watchdog.ts';

/** How often the end of a resync looks for the acknowledgement that it waits for. */
const STEP_MS = 10;
const STATS_MS = 1000;
/** A timer of a second may be early or late by so much that another turn would be missed. */
const TIMER_SLACK_MS = 50;
const CONNECT_LIMIT_MS = 5000;
const STOP_LIMIT_MS = 5000;
const PARK_LIMIT_MS = 500;
/** A server that was killed has so long to be gone by itself, and so long once what it waits for has failed. */
const DEATH_HEAD_START_MS = 250;
const DEATH_LIMIT_MS = 1500;
/** The follower has so long to hear that this primary has ended, which what waits for the disk may have to come before. */
const END_LIMIT_MS = 4000;

export interface PrimaryParts {
  readonly options: MirrorOptions;
  readonly record: RecordStore;
  /** The directories below the mount. */
  readonly location: Location;
  readonly emit: (event: MirrorEvent) => void;
  /** The folder of the worker bundles. */
  readonly workers: string;
  readonly inherited: Inherited | null;
  readonly stopped: Stopped | null;
  /** What an earlier process of this mirror served, to go on with; null for a new mount. */
  readonly takenOver: TakenOver | null;
}

interface Session {
  readonly worker: Worker;
  readonly port: MessagePort;
  fd: number;
  ended: boolean;
  dropped: boolean;
  readonly over: Promise<void>;
  readonly resolveOver: () => void;
  /** Ends the wait for the connection. */
  refuse: (error: MirrorError) => void;
}

/** Mounts over the one directory, or in the folder from which several are covered. */
function mountLocation(place: string, fsName: string, { assembledFd, rootFd }: Location): FuseMount {
  // Not by its name: it may have become another directory's a moment ago.
  if (assembledFd === null) return mountFuse(place, { fsName, backingFd: openat(rootFd, '.', O_PATH | O_DIRECTORY) });
  makeDirectoryDurably(place);
  return mountFuse(place, { fsName, backingFd: duplicate(assembledFd) });
}

const stoppedMeanwhile = () => new MirrorError('wrong-state', 'the mirror was stopped meanwhile');

/** This host's replica while it serves: the mount, the dispatcher's thread, and the link to a follower. */
export class PrimaryHost {
  #options: MirrorOptions;
  readonly #record: RecordStore;
  readonly #rootFds: readonly number[];
  readonly #places: ServedPlaces;
  readonly #emit: (event: MirrorEvent) => void;
  readonly #workers: string;
  readonly #mount: FuseMount;
  readonly #inherited: Inherited | null;
  readonly #wakeFd: number;
  readonly #shared: SharedState;
  readonly #dispatcher: Worker;
  readonly #port: MessagePort;
  readonly #callPort: MessagePort;
  readonly #callFlag = new SharedArrayBuffer(4);
  readonly #watchdog: Watchdog;
  readonly #diskWatch: DiskWatch;
  #timer: NodeJS.Timeout | null = null;
  #statsAt = monotonicMs();
  readonly #epochWaits = new Map<number, () => void>();
  readonly #markWaits = new Map<number, (error: string | null) => void>();
  #signals = new Map<FromDispatcher['type'], () => void>();
  #session: Session | null = null;
  /** For the session after this one. */
  #nextAcknowledger: Worker | null = null;
  #pendingStep: Extract<FromDispatcher, { type: 'inStep' }> | null = null;
  #stats: DispatcherStats = { writes: 0, bytesWritten: 0, flushes: 0, markedBytes: 0 };
  #statsSeen = '';
  #statsIdle = false;
  #nextToken = 1;
  #verifying = false;
  #releasing = false;
  /** What becomes of the mount is of no interest any more. */
  #isEnding = false;
  #allMarked = false;
  #onFrozen: ((reason: string) => void) | null = null;
  #onEndTold: (number: number | null) => void = () => {};
  #gone = false;
  #covered = false;
  #dispatcherEnded = false;

  private constructor(parts: PrimaryParts) {
    this.#options = parts.options;
    this.#record = parts.record;
    this.#rootFds = parts.location.rootFds;
    this.#emit = parts.emit;
    this.#workers = parts.workers;
    const { inherited, takenOver } = parts;
    this.#inherited = inherited;
    const directories = directoriesOf(this.#options);
    const fsName = mountName(this.#options.module);
    const place = directories.length === 1 ? this.#options.directory : mountFolder(this.#options.stateDirectory);
    this.#mount = takenOver ? mountOf(takenOver.mount) : mountLocation(place, fsName, parts.location);
    this.#places = new ServedPlaces(place, fsName, directories);
    if (inherited && !takenOver) {
      const { directory, connection, fuseFd, backingFd } = this.#mount;
      tellKeeper(inherited.keeperFd, { type: 'mounted', directory, fsName, connection }, [fuseFd, backingFd]);
    }
    this.#wakeFd = eventfd();
    this.#shared = new SharedState(outsideOf(this.#mount.fuseFd, this.#wakeFd));
    if (takenOver?.held === true) this.#shared.beginHeld();
    const channel = new MessageChannel();
    const calls = new MessageChannel();
    this.#port = channel.port1;
    this.#callPort = calls.port1;
    const setup: DispatcherSetup = {
      module: this.#options.module,
      directories: directories.length,
      exclude: this.#options.exclude,
      stateDirectory: this.#options.stateDirectory,
      diskHasFailed: Boolean(this.#record.value.diskError),
      stopped: parts.stopped,
      resyncBandwidth: this.#options.resyncBandwidth,
      directIo: this.#options.directIo,
      processors: this.#options.processors,
      fuseFd: this.#mount.fuseFd,
      backingFd: this.#mount.backingFd,
      wakeFd: this.#wakeFd,
      shared: this.#shared.buffer,
      port: channel.port2,
      callPort: calls.port2,
      callFlag: this.#callFlag,
      keeping: inherited && { ...inherited, kept: takenOver?.kept ?? null },
    };
    this.#port.on('message', (message: FromDispatcher) => this.#onDispatcher(message));
    this.#callPort.on('message', (message: CallMessage) => this.#onCall(message));
    this.#dispatcher = new Worker(join(this.#workers, 'dispatcher.mjs'), {
      workerData: setup,
      transferList: [channel.port2, calls.port2],
    });
    this.#dispatcher.once('error', (error) => this.#crashed(error.message));
    this.#dispatcher.once('exit', () => (this.#dispatcherEnded = true));
    this.#watchdog = new Watchdog(this.#shared, this.#options.acknowledgeTimeoutMs, monotonicMs, (reason) =>
      this.#peerLost(reason),
    );
    this.#diskWatch = new DiskWatch(this.#shared.disk, this.#options.acknowledgeTimeoutMs, monotonicMs, (silentMs) =>
      this.#emit({ type: 'diskSilent', silentMs }),
    );
    this.#watch();
  }

  /** One timer for all, which goes slowly while there is nothing to do: with many modules it is the wake-ups that cost. */
  #watch(): void {
    const nextMs = this.#watchdog.check();
    this.#diskWatch.check();
    const now = monotonicMs();
    if (now - this.#statsAt > STATS_MS - TIMER_SLACK_MS) {
      this.#statsAt = now;
      this.#emitStats();
      this.#watchPlaces();
    }
    if (!this.#gone) this.#timer = setTimeout(() => this.#watch(), nextMs);
  }

  /** Where one of several directories is seen no more, what programs write there is lost with a failover. */
  #watchPlaces(): void {
    if (!this.#covered || this.#releasing || this.#isEnding || this.#gone) return;
    let uncovered: string | null;
    try {
      uncovered = this.#places.uncovered;
    } catch {
      // Not to know, for want of a descriptor or because a parent has another name, is no loss: the next look will tell.
      return;
    }
    if (uncovered !== null) this.#crashed(`${uncovered} was unmounted by somebody else`);
  }

  /** Mounts the directories read-write. @throws MirrorError */
  static async start(parts: PrimaryParts): Promise<PrimaryHost> {
    let host: PrimaryHost;
    try {
      host = new PrimaryHost(parts);
    } catch (error) {
      throw new MirrorError('mount-failed', describeError(error).message);
    }
    try {
      await host.#signal('serving', 20_000);
      await host.#cover();
    } catch (error) {
      await host.abort();
      throw error;
    }
    // The server need not wait for it.
    void host.#settle();
    return host;
  }

  async #settle(): Promise<void> {
    const failed = !(await this.#makeDurable());
    if (!this.#gone) this.#tell({ type: 'settled', failed });
  }

  async #cover(): Promise<void> {
    try {
      await this.#places.cover();
    } catch (error) {
      if (error instanceof MirrorError) throw error;
      throw new MirrorError('mount-failed', `a directory could not be covered: ${describeError(error).message}`);
    }
    this.#covered = true;
  }

  #signal(type: FromDispatcher['type'], limitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => {
        this.#signals.delete(type);
        reject(new MirrorError('slow', `the mirror did not reach "${type}" within ${limitMs / 1000} seconds`));
      }, limitMs);
      this.#signals.set(type, () => {
        clearTimeout(limit);
        this.#signals.delete(type);
        resolve();
      });
    });
  }

  #tell(message: ToDispatcher, transfer: MessagePort[] = []): void {
    this.#port.postMessage(message, transfer);
    signalEvent(this.#wakeFd);
  }

  #crashed(reason: string): void {
    if (this.#gone) return;
    this.#emit({ type: 'failed', reason: `the mirror is not served any more: ${reason}` });
    void this.abort();
  }

  #onDispatcher(message: FromDispatcher): void {
    this.#signals.get(message.type)?.();
    switch (message.type) {
      case 'lost':
        this.#peerLost(message.reason);
        return;
      case 'sessionDropped':
        if (this.#session) this.#session.dropped = true;
        this.#settleSession();
        return;
      case 'resync':
        this.#emit({ type: 'resync', progress: message.progress });
        return;
      case 'inStep':
        this.#pendingStep = message;
        this.#settleStep();
        return;
      case 'verify':
        this.#emit({ type: 'verify', progress: message.progress });
        return;
      case 'verified':
        this.#verified(message.report);
        return;
      case 'syncLocal':
        void this.#syncLocal(message.token);
        return;
      case 'endTold':
        this.#onEndTold(message.number);
        return;
      case 'epochEntered':
        this.#epochWaits.get(message.token)?.();
        this.#epochWaits.delete(message.token);
        return;
      case 'differencesMarked':
        this.#markWaits.get(message.token)?.(message.error);
        this.#markWaits.delete(message.token);
        return;
      case 'stats':
        this.#stats = message.stats;
        return;
      case 'keeping':
        // With any message the agent looks at what was sent to its keeper, which is too rare to be waited for all the time.
        this.#tellStats();
        return;
      case 'crashed':
        this.#crashed(message.reason);
        return;
      case 'unmounted':
        if (!this.#releasing && !this.#isEnding) {
          this.#crashed(`${this.#options.directory} was unmounted by somebody else`);
        }
        return;
      case 'released':
        this.#allMarked = message.allMarked;
        return;
      case 'serving':
      case 'call':
      case 'stopped':
        return;
    }
  }

  #onCall({ number, call }: CallMessage): void {
    try {
      if (call.op === 'enterEpoch') this.#record.enter(call.entry);
      else if (call.op === 'diskFailed') this.#diskFailed({ code: call.code, at: new Date().toISOString() });
      else if (call.op === 'updateRecord') this.#record.update(call.change);
      else throw new MirrorError('wrong-state', 'a dispatcher waits for no disk');
      answerCall(this.#callPort, new Int32Array(this.#callFlag), number, null);
    } catch (error) {
      answerCall(this.#callPort, new Int32Array(this.#callFlag), number, describeError(error));
    }
  }

  async #syncLocal(token: number): Promise<void> {
    this.#tell({ type: 'localSynced', token, failed: !(await this.#makeDurable()) });
  }

  /** Returns false when the disk has lost something; that is recorded then. */
  async #makeDurable(): Promise<boolean> {
    try {
      await this.#syncWhole();
      return true;
    } catch (failure) {
      try {
        this.#diskFailed(lossOf(failure));
      } catch (error) {
        console.error(`That the disk has failed could not be recorded: ${describeError(error).message}`);
      }
      return false;
    }
  }

  async #syncWhole(): Promise<void> {
    this.#shared.disk.wholeBegun();
    try {
      await syncFileSystems(this.#rootFds);
    } finally {
      this.#shared.disk.wholeDone();
    }
  }

  /** @throws what kept it from being durable; it is known all the same */
  #diskFailed(error: DiskError): void {
    try {
      this.#record.noteDiskError(error);
    } finally {
      this.#emit({ type: 'diskFailed', error });
    }
  }

  /** The pair is in step once the follower has acknowledged what the resync sent last. */
  #settleStep(): void {
    const step = this.#pendingStep;
    if (!step) return;
    if (this.#gone || this.#shared.link !== Link.connected) this.#pendingStep = null;
    else if (this.#shared.acked >= step.number) {
      this.#pendingStep = null;
      this.#emit({ type: 'inStep', progress: step.progress, durationMs: step.durationMs });
    } else setTimeout(() => this.#settleStep(), STEP_MS);
  }

  /** Without traffic once more, so that rates fall to zero, and then nothing until there is traffic again. */
  #emitStats(): void {
    const { writes, flushes, markedBytes } = this.#stats;
    const seen = `${writes} ${flushes} ${markedBytes} ${this.#shared.unacknowledged}`;
    const idle = seen === this.#statsSeen;
    if (idle && this.#statsIdle) return;
    this.#statsSeen = seen;
    this.#statsIdle = idle;
    this.#tellStats();
  }

  #tellStats(): void {
    const stats = {
      ...this.#stats,
      unacknowledged: this.#shared.unacknowledged,
      lagMicros: this.#shared.takeLagMicros(),
    };
    this.#emit({ type: 'stats', stats });
  }

  /** Connects to a follower; returns when the resync has begun. @throws MirrorError */
  async attach(address: string, endpoint: FollowerEndpoint, epoch: number): Promise<void> {
    if (endpoint.protocolVersion !== PROTOCOL_VERSION) {
      throw new MirrorError('other-version', versionConflict(endpoint.protocolVersion));
    }
    if (this.#session && this.#shared.link === Link.connected) {
      throw new MirrorError('wrong-state', 'this mirror has a follower already');
    }
    await this.#session?.over;
    if (this.#gone) throw stoppedMeanwhile();
    const channel = new MessageChannel();
    const answers = new MessageChannel();
    const setup: AckSetup = {
      address,
      tcpPort: endpoint.port,
      session: endpoint.session,
      key: endpoint.key,
      epoch,
      identity: mirrorIdentity(this.#options.module, this.#options.layout ?? directoriesOf(this.#options)),
      host: this.#options.host,
      connectTimeoutMs: Math.min(CONNECT_LIMIT_MS, Math.max(1000, this.#options.acknowledgeTimeoutMs)),
      userTimeoutMs: this.#options.acknowledgeTimeoutMs,
      shared: this.#shared.buffer,
      fuseFd: this.#mount.fuseFd,
      wakeFd: this.#wakeFd,
      port: channel.port2,
      answers: answers.port1,
    };
    const worker = this.#nextAcknowledger ?? this.#startAcknowledger();
    this.#nextAcknowledger = null;
    worker.postMessage(setup, [channel.port2, answers.port1]);
    let resolveOver = () => {};
    const over = new Promise<void>((resolve) => (resolveOver = resolve));
    const session: Session = {
      worker,
      port: channel.port1,
      fd: -1,
      ended: false,
      dropped: false,
      over,
      resolveOver,
      refuse: () => {},
    };
    this.#session = session;
    const connected = await this.#connected(session);
    session.fd = connected.fd;
    if (this.#gone) {
      // It came up after the abort had cut what was connected: the thread that receives from it has to be woken.
      shutdown(connected.fd);
      throw stoppedMeanwhile();
    }
    // It may be another one by now than the connection was made with.
    this.#limitConnection();
    this.#watchdog.reset();
    this.#tell(
      {
        type: 'attach',
        fd: connected.fd,
        sendKey: connected.sendKey,
        sealed: connected.sealed,
        epoch,
        answers: answers.port2,
        record: this.#record.value,
        followerRecord: connected.record,
        followerMarksProblem: connected.marksProblem,
        followerName: connected.host,
      },
      [answers.port2],
    );
  }

  /** Starting one takes longer than many a resync: it stands ready when the follower is back. One that nobody uses yet may fail. */
  #prepareAcknowledger(): void {
    try {
      this.#nextAcknowledger = this.#startAcknowledger();
    } catch {
      // No thread to be had: the next session tries it itself, and fails by itself.
    }
  }

  #startAcknowledger(): Worker {
    const worker = new Worker(join(this.#workers, 'acknowledger.mjs'));
    worker.once('error', (error) => {
      if (this.#nextAcknowledger === worker) this.#nextAcknowledger = null;
      else this.#crashed(error.message);
    });
    return worker;
  }

  #connected(session: Session): Promise<Extract<FromAckThread, { type: 'connected' }>> {
    return new Promise((resolve, reject) => {
      session.refuse = reject;
      session.port.on('message', (message: FromAckThread) => {
        switch (message.type) {
          case 'connected':
            resolve(message);
            return;
          case 'refused':
            session.ended = session.dropped = true;
            this.#settleSession();
            reject(new MirrorError(message.code, message.message));
            return;
          case 'lost':
            this.#peerLost(message.reason);
            return;
          case 'ended':
            session.ended = true;
            this.#settleSession();
            return;
        }
      });
    });
  }

  /** When both threads have let go of a connection, it is closed. */
  #settleSession(): void {
    const session = this.#session;
    if (!session || !session.ended || !session.dropped) return;
    this.#session = null;
    this.#shared.disconnected();
    if (session.fd >= 0) close(session.fd);
    session.port.close();
    void session.worker.terminate();
    session.resolveOver();
    if (!this.#gone && !this.#releasing) this.#prepareAcknowledger();
  }

  /** @param entry already durable here */
  async enterEpoch(entry: LineageEntry): Promise<void> {
    const token = this.#nextToken++;
    const entered = new Promise<void>((resolve) => this.#epochWaits.set(token, resolve));
    this.#tell({ type: 'epoch', token, entry, record: this.#record.value });
    // Without a follower, or when it is lost meanwhile, the dispatcher answers by itself.
    await entered;
  }

  onPeerLoss(mode: 'hold' | 'continue'): void {
    if (!this.#shared.setHold(mode === 'hold')) {
      throw new MirrorError('not-in-step', 'there is no follower in step whose loss could be waited out');
    }
  }

  paceResync(pace: ResyncPace): void {
    this.#tell({ type: 'paceResync', pace });
  }

  reconfigure(settings: MirrorSettings): void {
    if (this.#gone) return;
    this.#options = { ...this.#options, ...settings };
    this.#tell({ type: 'reconfigure', settings });
    this.#watchdog.changeLimit(settings.acknowledgeTimeoutMs);
    this.#diskWatch.changeLimit(settings.acknowledgeTimeoutMs);
    this.#limitConnection();
    if (this.#timer) clearTimeout(this.#timer);
    this.#watch();
  }

  /** The system ends a connection on which nothing is acknowledged, too. */
  #limitConnection(): void {
    const fd = this.#session?.fd ?? -1;
    if (fd < 0 || this.#shared.link !== Link.connected) return;
    setTcpOptions(fd, { userTimeoutMs: this.#options.acknowledgeTimeoutMs });
  }

  /** @throws MirrorError when there is nobody to compare with, or a verify runs already */
  verify(bandwidth: number | null): void {
    if (this.#verifying) throw new MirrorError('wrong-state', 'a verify of this mirror is running already');
    if (this.#shared.link !== Link.connected || !this.#shared.inStep) {
      throw new MirrorError('not-in-step', 'there is no secondary in step to compare with: wait until it is in sync');
    }
    this.#verifying = true;
    this.#tell({ type: 'verify', bandwidth });
  }

  stopVerify(): boolean {
    if (!this.#verifying) return false;
    this.#tell({ type: 'stopVerify' });
    return true;
  }

  /** @throws MirrorError "wrong-state" with a follower, "marks-failed" when they could not be written */
  async markDifferences(differences: readonly Difference[] | null): Promise<void> {
    if (this.#shared.link === Link.connected) {
      throw new MirrorError('wrong-state', 'with a secondary connected, marks of differences would be dropped again');
    }
    const token = this.#nextToken++;
    const marked = new Promise<string | null>((resolve) => this.#markWaits.set(token, resolve));
    this.#tell({ type: 'markDifferences', token, differences: differences && this.#named(differences, pathOfShown) });
    const error = await marked;
    if (error !== null) throw new MirrorError('marks-failed', `the differences could not be marked: ${error}`);
  }

  #verified(report: VerifyReport): void {
    if (!this.#verifying) return;
    this.#verifying = false;
    this.#emit({ type: 'verified', report: { ...report, differences: this.#named(report.differences, shownPath) } });
  }

  #named(differences: readonly Difference[], name: typeof shownPath): readonly Difference[] {
    const directories = directoriesOf(this.#options);
    return differences.map((each) => ({ ...each, path: name(directories, each.path) }));
  }

  async freeze(): Promise<void> {
    this.#shared.freeze();
    // From here on no acknowledgement goes out; that no request is taken either follows within the one at hand.
    const limit = monotonicMs() + PARK_LIMIT_MS;
    while (!this.#shared.parked && monotonicMs() < limit) await new Promise((resolve) => setTimeout(resolve, 2));
  }

  /** Takes no request any more, with those in hand finished, for the process that takes over; false, and it goes on, when that takes too long. */
  async pause(): Promise<boolean> {
    await this.freeze();
    if (this.#shared.parked) return true;
    this.thaw();
    return false;
  }

  thaw(): void {
    this.#shared.thaw();
  }

  goAlone(): void {
    this.#shared.goAlone();
  }

  /**
   * After the agent's death, frozen and with the server killed: tells the follower that this primary has ended, so that nobody has to wait until it
   * is missed. Only when that is certain: the server must be seen to be dead, not just told to die. To be aborted afterwards.
   * @param isDead waits for that, for so long
   */
  async tellEnd(isDead: (limitMs: number) => Promise<boolean>): Promise<void> {
    if (this.#gone || this.#shared.link !== Link.connected) return;
    this.#isEnding = true;
    const wentAtOnce = await isDead(DEATH_HEAD_START_MS);
    try {
      // A server that waits for a held write cannot die before that fails.
      this.#mount.abort();
    } catch {
      if (!wentAtOnce) return;
    }
    if (!wentAtOnce && !(await isDead(DEATH_LIMIT_MS))) return;
    // By the dispatcher, between two requests: one for which it waits for the disk comes first.
    const limit = monotonicMs() + END_LIMIT_MS;
    const told = new Promise<number | null>((resolve) => {
      this.#onEndTold = resolve;
      setTimeout(() => resolve(null), END_LIMIT_MS).unref();
    });
    this.#tell({ type: 'tellEnd' });
    const number = await told;
    // It hears of it by this connection, which the abort would cut.
    while (number !== null && this.#shared.link === Link.connected && this.#shared.acked < number) {
      if (monotonicMs() > limit) return;
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
  }

  /** Everything held is failed, the mount goes, whoever uses it. */
  async abort(): Promise<void> {
    if (this.#gone) return;
    this.#gone = true;
    this.#onFrozen?.('it was aborted');
    this.#tellOver();
    const stopped = this.#threadEnd();
    this.#shared.abort();
    try {
      this.#mount.abort();
    } catch {
      // No fusectl here: closing the descriptor below does the same.
    }
    await this.#places.detach();
    if (!(await stopped)) {
      // Stuck on the disk: the descriptor stays with the thread, and the connection is cut anyway.
      this.#end();
      return;
    }
    this.#end();
    this.#mount.close();
  }

  /** Nobody may take this mount over any more. */
  #tellOver(): void {
    if (this.#inherited) tellKeeper(this.#inherited.keeperFd, { type: 'over' });
  }

  #threadEnd(): Promise<boolean> {
    const exit = new Promise<boolean>((resolve) => this.#dispatcher.once('exit', () => resolve(true)));
    const limit = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), STOP_LIMIT_MS).unref());
    return Promise.race([exit, limit]);
  }

  #end(): void {
    this.#gone = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#diskWatch.end();
    this.#verified(unfinished('the mirror was stopped'));
    for (const resolve of this.#epochWaits.values()) resolve();
    for (const resolve of this.#markWaits.values()) resolve('the mirror was stopped');
    this.#port.close();
    this.#callPort.close();
    this.#nextAcknowledger?.postMessage(null);
    this.#nextAcknowledger = null;
    this.#endSession();
  }

  /** Whatever its threads do, nobody waits for this connection any more. */
  #endSession(): void {
    const session = this.#session;
    if (!session) return;
    this.#session = null;
    session.port.close();
    // Never terminated: a thread that is in a call of the C library takes the whole process down with it. Its waits have limits, and a
    // connection that is up, or comes up now, is shut down.
    session.worker.once('exit', () => {
      // A connection that came up after we stopped to wait for it is known to its own thread only, which has ended.
      const unknown = session.fd < 0;
      const fd = unknown ? this.#shared.socket : session.fd;
      if (fd < 0) return;
      // A dispatcher that is stuck may still write to one that it was told of.
      if (!unknown && !this.#dispatcherEnded) return;
      this.#shared.disconnected();
      close(fd);
    });
    session.worker.unref();
    this.#shared.abort();
    session.refuse(stoppedMeanwhile());
    session.resolveOver();
  }

  /**
   * Unmounts, makes both replicas durable and equal. @throws MirrorError "busy" when the mount is in use; then it is still served. "frozen"
   * when it was frozen before, or the secondary is lost meanwhile; it is to be aborted then
   * @returns whether everything in which the replicas may differ by now is marked
   */
  async release(): Promise<boolean> {
    if (this.#shared.frozen) {
      throw new MirrorError('frozen', 'the mirror is frozen: let it go on alone, thaw it, or abort it');
    }
    if (this.#gone) return false;
    this.#releasing = true;
    try {
      await this.#release();
      return this.#allMarked;
    } finally {
      this.#releasing = false;
    }
  }

  /** While it is frozen nobody answers those who look at the mount, or write back what they changed: taking it away has no end then. */
  #frozenMeanwhile(): Promise<never> {
    return new Promise((_, reject) => {
      this.#onFrozen = (reason) =>
        reject(new MirrorError('frozen', `the mirror could not be released (${reason}): abort it`));
    });
  }

  #peerLost(reason: string): void {
    this.#emit({ type: 'peerLost', reason });
    if (this.#shared.frozen) this.#onFrozen?.(`the other host was lost meanwhile: ${reason}`);
  }

  async #release(): Promise<void> {
    const unmounted = this.#signal('unmounted', 60_000);
    unmounted.catch(() => {});
    await Promise.race([takeMountAway(this.#places), this.#frozenMeanwhile()]);
    this.#onFrozen = null;
    this.#tellOver();
    const exit = this.#threadEnd();
    const released = this.#signal('released', 120_000);
    released.catch(() => {});
    // Without waiting: a peer that is lost in this moment must not hold a mount that is gone.
    this.#tell({ type: 'release' });
    await unmounted;
    await released;
    // A disk that fails now keeps nobody: the other host holds everything, and the record says which replica is in doubt.
    await this.#makeDurable();
    this.#shared.goAlone();
    await exit;
    this.#end();
    this.#mount.close();
  }
}
