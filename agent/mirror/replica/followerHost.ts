import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import {
  bindSocket,
  close,
  ErrnoError,
  eventfd,
  listen,
  signalEvent,
  socketAddress,
  tcpSocket,
} from '../../platform/libc.ts';
import { mirrorIdentity } from '../link/mirrorIdentity.ts';
import { PROTOCOL_VERSION } from '../link/protocol.ts';
import {
  directoriesOf,
  type DiskError,
  type FollowerEndpoint,
  type MirrorEvent,
  type MirrorOptions,
  type MirrorSettings,
} from '../mirror.ts';
import { describeError, MirrorError } from '../mirrorError.ts';
import { syncData, syncFileSystem, syncFileSystems } from './backgroundCalls.ts';
import type { FollowerSetup, FromFollowerThread, ToFollowerThread } from './followerMessages.ts';
import { lossOf } from './diskLoss.ts';
import { coverReadOnly, type Location, uncover } from './location.ts';
import { answerCall, type CallMessage } from './mainCall.ts';
import { markFiles } from './markFile.ts';
import type { RecordStore } from './record.ts';
import { type FinishOrder, Promotion, recordAtEnd } from './resyncEnd.ts';
import { dropUndo } from '../undo/undoJournal.ts';
import { SessionTurn } from './sessionTurn.ts';
import { resetMarks } from './zoneMarks.ts';

const STOP_LIMIT_MS = 10_000;
/** How long its thread may take to be ready, milliseconds. */
const START_LIMIT_MS = 10_000;

/** This host's replica while it follows: the read-only cover, the listening socket and the thread behind it. */
export class FollowerHost {
  readonly #options: MirrorOptions;
  readonly #record: RecordStore;
  /** Of the root: to its thread it stands for everything. */
  readonly #rootFd: number;
  readonly #rootFds: readonly number[];
  readonly #directories: readonly string[];
  readonly #emit: (event: MirrorEvent) => void;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #callPort: MessagePort;
  readonly #callFlag = new SharedArrayBuffer(4);
  readonly #epoch = new Float64Array(new SharedArrayBuffer(8));
  readonly #turn = new SessionTurn();
  readonly #promotion: Promotion;
  readonly #wakeFd: number;
  readonly #listenFd: number;
  readonly #ready: Promise<void>;
  #onReady: () => void = () => {};
  readonly #stopped: Promise<void>;
  readonly endpoint: FollowerEndpoint;
  #onStopped: () => void = () => {};
  #gone = false;

  /** @throws MirrorError "address-unusable", "port-in-use" */
  constructor(parts: {
    options: MirrorOptions;
    record: RecordStore;
    location: Location;
    address: string;
    epoch: number;
    emit: (event: MirrorEvent) => void;
    workers: string;
  }) {
    this.#options = parts.options;
    this.#promotion = new Promotion(parts.options.host);
    this.#record = parts.record;
    this.#rootFd = parts.location.rootFd;
    this.#rootFds = parts.location.rootFds;
    this.#directories = directoriesOf(parts.options);
    this.#emit = parts.emit;
    this.#epoch[0] = Math.max(parts.epoch, parts.record.epoch);
    this.#listenFd = listenOn(parts.address);
    const session = randomBytes(16).toString('hex');
    const key = randomBytes(32).toString('base64');
    const channel = new MessageChannel();
    const calls = new MessageChannel();
    this.#port = channel.port1;
    this.#callPort = calls.port1;
    try {
      coverReadOnly(this.#directories, this.#options.stateDirectory);
    } catch (error) {
      close(this.#listenFd);
      throw new MirrorError(
        'mount-failed',
        `${this.#directories.join(', ')} could not be covered read-only: ${describeError(error).message}`,
      );
    }
    this.#wakeFd = eventfd();
    this.#stopped = new Promise((resolve) => (this.#onStopped = resolve));
    this.#ready = new Promise((resolve) => (this.#onReady = resolve));
    const setup: FollowerSetup = {
      module: this.#options.module,
      host: this.#options.host,
      identity: mirrorIdentity(this.#options.module, this.#options.layout ?? this.#directories),
      exclude: this.#options.exclude,
      stateDirectory: this.#options.stateDirectory,
      resyncUndo: this.#options.resyncUndo,
      processors: this.#options.processors,
      listenFd: this.#listenFd,
      wakeFd: this.#wakeFd,
      rootFd: this.#rootFd,
      rootFds: this.#rootFds,
      session,
      key,
      port: channel.port2,
      callPort: calls.port2,
      callFlag: this.#callFlag,
      epoch: this.#epoch.buffer,
      turn: this.#turn.buffer,
    };
    this.#port.on('message', (message: FromFollowerThread) => this.#onMessage(message));
    this.#callPort.on('message', (message: CallMessage) => void this.#onCall(message));
    this.#worker = new Worker(join(parts.workers, 'follower.mjs'), {
      workerData: setup,
      transferList: [channel.port2, calls.port2],
    });
    this.#worker.once('error', (error) => this.#crashed(error.message));
    this.endpoint = {
      protocolVersion: PROTOCOL_VERSION,
      port: socketAddress(this.#listenFd).port,
      session,
      key,
      record: this.#record.value,
    };
  }

  /** Returns when its thread takes connections. @throws MirrorError */
  async ready(): Promise<void> {
    const limit = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), START_LIMIT_MS).unref());
    const ended = this.#stopped.then(() => 'ended' as const);
    const result = await Promise.race([this.#ready, ended, limit]);
    if (result === 'late') {
      throw new MirrorError('follower-stuck', 'the follower does not start: its disk does not answer');
    }
    if (result === 'ended') throw new MirrorError('wrong-state', 'the follower ended before it had begun');
  }

  #crashed(reason: string): void {
    this.#onStopped();
    this.#emit({ type: 'failed', reason: `the thread that follows the primary failed: ${reason}` });
  }

  #tell(message: ToFollowerThread): void {
    // The number of the closed eventfd may be another file's.
    if (this.#gone) return;
    this.#port.postMessage(message);
    signalEvent(this.#wakeFd);
  }

  #onMessage(message: FromFollowerThread): void {
    switch (message.type) {
      case 'ready':
        this.#onReady();
        return;
      case 'link':
        this.#emit({ type: 'followerLink', connected: message.connected, reason: message.reason });
        return;
      case 'sync':
        void this.#sync(message.session, message.number, message.finish);
        return;
      case 'primaryEnded':
        this.#emit({ type: 'primaryEnded', epoch: message.epoch });
        return;
      case 'undoGivenUp':
        // A later session may keep something there already.
        this.#turn.whileIn(message.session, () => dropUndo(this.#options.stateDirectory));
        this.#emit({ type: 'undoGivenUp', reason: message.reason });
        return;
      case 'stopped':
        this.#onStopped();
        return;
      case 'crashed':
        this.#crashed(message.reason);
        return;
      case 'call':
        return;
    }
  }

  async #onCall({ number, call }: CallMessage): Promise<void> {
    let failure: ReturnType<typeof describeError> | null = null;
    try {
      if (call.op === 'enterEpoch') this.enterEpoch(call.entry);
      else if (call.op === 'diskFailed') this.#diskFailed({ code: call.code, at: new Date().toISOString() });
      else if (call.op === 'updateRecord') this.#update(call.change);
      else if (call.op === 'syncData') await syncData(call.fd);
      else if (call.fd === this.#rootFd) await this.#makeDurable();
      else await syncFileSystem(call.fd);
    } catch (error) {
      failure = describeError(error);
    }
    // The thread that waits for it may have ended meanwhile.
    if (!this.#gone) answerCall(this.#callPort, new Int32Array(this.#callFlag), number, failure);
  }

  #update(change: Parameters<RecordStore['update']>[0]): void {
    this.#record.update(change);
    this.#tell({ type: 'record', record: this.#record.value });
  }

  enterEpoch(entry: Parameters<RecordStore['enter']>[0]): void {
    this.#record.enter(entry);
    this.#promotion.entered(entry);
    this.#epoch[0] = Math.max(this.#epoch[0] ?? 0, entry.epoch);
    this.#tell({ type: 'record', record: this.#record.value });
  }

  reconfigure(settings: MirrorSettings): void {
    this.#tell({ type: 'reconfigure', settings });
  }

  async #sync(session: number, number: number, finish: FinishOrder | null): Promise<void> {
    let error: string | null = null;
    try {
      await this.#makeDurable();
      if (finish) this.#promotion.checkEnd();
      // Another session may have begun a resync meanwhile: the end of this one would be taken for its end.
      if (finish && (this.#gone || !this.#turn.whileIn(session, () => this.#finish(session, finish)))) return;
    } catch (failure) {
      error = describeError(failure).message;
    }
    this.#tell({ type: 'synced', session, number, finish: finish !== null, error });
  }

  /** @throws when the disk has lost something; that is recorded then */
  async #makeDurable(): Promise<void> {
    try {
      await syncFileSystems(this.#rootFds);
    } catch (failure) {
      this.#diskFailed(lossOf(failure));
      throw failure;
    }
  }

  #diskFailed(error: DiskError): void {
    try {
      this.#record.noteDiskError(error);
    } finally {
      this.#emit({ type: 'diskFailed', error });
      this.#tell({ type: 'record', record: this.#record.value });
    }
  }

  #finish(session: number, order: FinishOrder): void {
    this.#update(recordAtEnd(this.#record.value, order));
    // Before what was kept goes: the thread, which has not heard of this yet, must not miss it.
    this.#turn.noteFinished(session);
    dropUndo(this.#options.stateDirectory);
    resetMarks(markFiles(this.#options.stateDirectory));
  }

  /** Applies what has arrived completely, ends the session, uncovers the directory. */
  async stop(): Promise<void> {
    this.#tell({ type: 'stop' });
    const limit = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), STOP_LIMIT_MS).unref());
    const result = await Promise.race([this.#stopped, limit]);
    if (result === 'late') {
      throw new MirrorError('follower-stuck', 'the follower does not stop: its disk does not answer');
    }
    // The thread may have crashed in the middle of a session.
    this.#gone = true;
    await this.#worker.terminate();
    this.#port.close();
    this.#callPort.close();
    close(this.#listenFd);
    close(this.#wakeFd);
    uncover(this.#directories, this.#options.stateDirectory);
  }
}

function listenOn(address: string): number {
  let fd = -1;
  try {
    fd = tcpSocket(address);
    bindSocket(fd, { address, port: 0 });
    listen(fd);
    return fd;
  } catch (error) {
    if (fd >= 0) close(fd);
    if (!(error instanceof ErrnoError)) throw error;
    throw new MirrorError(
      'address-unusable',
      `this host cannot listen on ${address} (${error.code}): check the host's replication address in the cluster file`,
    );
  }
}
