import { ErrnoError, errnoName, errnos, RENAME_EXCHANGE, RENAME_WHITEOUT } from '../../platform/libc.ts';
import { ByteReader, ByteWriter, MalformedMessage } from '../link/bytes.ts';
import { ConnectionEnd } from '../link/connectionEnd.ts';
import type { FollowerConnection } from '../link/followerConnection.ts';
import { decodeMutation, pathsOf } from '../link/mutationCodec.ts';
import { ToFollower, ToPrimary } from '../link/protocol.ts';
import {
  decodeContent,
  decodeDirectory,
  decodeHashes,
  encodeDirectoryAnswer,
  encodeHashAnswer,
  encodeMissed,
} from '../link/resyncMessages.ts';
import type { FrameHeader } from '../link/sealer.ts';
import { monotonicMs } from '../link/sharedState.ts';
import { MirrorError } from '../mirrorError.ts';
import type { ReplicaRecord } from '../mirror.ts';
import type { Mutation } from '../mutation.ts';
import { DirectoryCompare } from '../resync/directoryCompare.ts';
import { DirectStore } from '../resync/directStore.ts';
import { FollowerVerify } from '../verify/followerVerify.ts';
import { compareHashes, storeContent } from '../resync/followerContent.ts';
import type { Rename } from '../resync/renames.ts';
import { NOT_THERE_YET } from '../resync/notThereYet.ts';
import type { StateKeeper } from '../undo/stateKeeper.ts';
import type { Applier } from './applier.ts';
import { isLoss } from './diskLoss.ts';
import { leftovers } from './excluded.ts';
import type { MainCaller } from './mainCall.ts';
import { isLineageEntry, isRecord } from './record.ts';
import type { FinishOrder } from './resyncEnd.ts';
import { parentOf, type ReplicaTree } from './tree.ts';
import { UnwatchedChanges } from './unwatchedChanges.ts';
import type { LoadedMarks } from './zoneMarks.ts';
import type { ZoneSet } from './zoneSet.ts';

/**
 * This replica's own trouble. Any other error of a change during a resync may come from what still stands in its place here, a symbolic link
 * where the primary has a file, say: it is compared again, and only what cannot be brought in line then ends the session.
 */
const OWN_TROUBLE = new Set([
  errnos.ENOSPC,
  errnos.EDQUOT,
  errnos.EIO,
  errnos.EROFS,
  errnos.ENOMEM,
  errnos.EMFILE,
  errnos.ENFILE,
]);
/** Frames that may be handled while content of the frame before is still being stored; they see to it themselves. */
const BESIDE_STORES = new Set<number>([ToFollower.zones, ToFollower.blocks, ToFollower.content]);
const ACKNOWLEDGE_EVERY = 32;
const ALIVE_EVERY_MS = 200;

/** What a session needs of the worker that runs it. */
export interface FollowerContext {
  /** What both hosts have to mirror. */
  readonly identity: string;
  /** This host's name. */
  readonly host: string;
  readonly tree: ReplicaTree;
  readonly applier: Applier;
  readonly excluded: (path: string) => boolean;
  readonly excludedByPlace: (directory: string) => boolean;
  readonly main: MainCaller;
  readonly record: () => ReplicaRecord;
  readonly loadMarks: () => LoadedMarks;
  /** Keeps what this replica is now, while a resync changes it. */
  readonly keeper: (onStep: () => void) => StateKeeper;
  /** Frames of a lower epoch are refused. */
  readonly epoch: () => number;
  /**
   * Makes an open file durable. Returns whether it was only begun; then it calls `flushed` with the number of the frame. Waits for the disk if
   * nothing else waits.
   */
  readonly flush: (fd: number, datasync: boolean, number: number, nothingWaits: boolean) => boolean;
  /** Make the replica durable, then call `finished`/`synced` of the session with the number. */
  readonly requestSync: (number: number, finish: FinishOrder | null) => void;
  /** The primary is no more, and this replica holds all that it acknowledged by this epoch. */
  readonly primaryEnded: (epoch: number) => void;
}

/** The follower's side of one connection: checks, applies in order, acknowledges. */
export class FollowerSession {
  readonly #context: FollowerContext;
  readonly #connection: FollowerConnection;
  readonly #verify: FollowerVerify;
  readonly #store = new DirectStore();
  #compare: DirectoryCompare | null = null;
  /** While names are compared, when it can be told what was changed on this host behind the mirror. */
  #unwatched: UnwatchedChanges | null = null;
  /** Of the primary's files: what they are here was looked at. */
  readonly #lookedAt = new Set<number>();
  /** From the start of a resync to its end changes may hit what is not there yet. */
  #resyncing = false;
  #inStep = false;
  /** From the start of a resync until its end is durable. */
  #keeper: StateKeeper | null = null;
  /** What to call when a flush that was begun is done, by its frame. */
  readonly #flushesUnderWay = new Map<number, () => void>();
  #missed = 0;
  #lastNumber = 0;
  #acknowledged = 0;
  #lastSent = 0;

  constructor(context: FollowerContext, connection: FollowerConnection) {
    this.#context = context;
    this.#verify = new FollowerVerify(context.tree, context.excluded);
    this.#connection = connection;
  }

  get connection(): FollowerConnection {
    return this.#connection;
  }

  /** Closes the connection and what is open for it. */
  end(): void {
    this.#store.close();
    this.#keeper?.close();
    this.#keeper = null;
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
    this.#send(ToPrimary.acknowledged, new ByteWriter(8).size(this.#lastNumber).done());
  }

  #send(type: number, payload: Uint8Array): void {
    this.#lastSent = monotonicMs();
    this.#connection.send(type, this.#context.epoch(), payload);
  }

  #sendJson(type: number, value: unknown): void {
    this.#send(type, Buffer.from(JSON.stringify(value)));
  }

  /** Between the pieces of long work: the primary must see that this host is alive. */
  readonly alive = (): void => {
    if (monotonicMs() - this.#lastSent > ALIVE_EVERY_MS) this.#send(ToPrimary.alive, Buffer.alloc(0));
  };

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
      this.#fail(error);
    }
  }

  #fail(error: unknown): never {
    const reason = reasonOf(error);
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
      marksProblem: this.#context.loadMarks().problem,
    });
  }

  #dispatch(header: FrameHeader, payload: Buffer): void {
    if (!BESIDE_STORES.has(header.type)) this.#store.settle();
    switch (header.type) {
      case ToFollower.mutations:
        this.#mutations(payload);
        return;
      case ToFollower.flush:
        this.#flush(header.number, payload);
        return;
      case ToFollower.barrier:
        return;
      case ToFollower.sync:
        this.#context.requestSync(header.number, null);
        return;
      case ToFollower.epoch: {
        const entry: unknown = JSON.parse(payload.toString('utf8'));
        if (!isLineageEntry(entry)) throw new MalformedMessage('an epoch without number or primary');
        this.#context.main.call({ op: 'enterEpoch', entry });
        this.#send(ToPrimary.epochEntered, new ByteWriter(8).size(header.number).done());
        return;
      }
      case ToFollower.begin:
        this.#begin(JSON.parse(payload.toString('utf8')) as { kind: unknown });
        return;
      case ToFollower.directory:
        this.#directory(header.number, payload);
        return;
      case ToFollower.zones:
      case ToFollower.blocks: {
        const zones = header.type === ToFollower.zones;
        const answer = compareHashes(this.#context.applier, this.#store, decodeHashes(payload), {
          zones,
          before: this.#keeper,
          fromDisk: Boolean(this.#context.record().diskError),
        });
        const type = header.type === ToFollower.zones ? ToPrimary.zonesCompared : ToPrimary.blocksCompared;
        this.#send(type, encodeHashAnswer({ number: header.number, ...answer }));
        return;
      }
      case ToFollower.content: {
        const message = decodeContent(payload);
        const { applier } = this.#context;
        // What became of the content before is not this file's fault.
        this.#store.settle();
        this.#tolerant([message.file.path ?? ''], () => storeContent(applier, this.#store, message, this.#keeper));
        return;
      }
      case ToFollower.removeTree: {
        const path = new ByteReader(payload).text();
        this.#verify.forgetLinks();
        this.#context.applier.forgetAll();
        this.#tolerant([path], () => {
          this.#keeper?.removal([path]);
          this.#context.tree.removeTree(path, this.alive);
        });
        return;
      }
      case ToFollower.verifyDirectory:
        this.#sendJson(ToPrimary.verified, this.#verify.directory(Buffer.from(payload)));
        return;
      case ToFollower.verifyContent:
        this.#sendJson(ToPrimary.verified, this.#verify.content(payload));
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
        throw new MalformedMessage(`a frame of unknown type ${header.type}`);
    }
  }

  /** Runs a change; during a resync one that hits what is not there yet is reported, to be compared again, and left out. */
  #tolerant(paths: readonly string[], change: () => void): void {
    try {
      change();
    } catch (error) {
      if (!this.#resyncing || !(error instanceof ErrnoError) || OWN_TROUBLE.has(error.errno)) throw error;
      this.#miss(paths, error.message);
    }
  }

  /** What is at these paths has to be compared again. */
  #miss(paths: readonly string[], reason: string): void {
    this.#missed++;
    this.#send(ToPrimary.missed, encodeMissed({ paths, reason }));
  }

  #mutations(payload: Buffer): void {
    if (!this.#resyncing && !this.#inStep) throw new MalformedMessage('a change before the resync began');
    const input = new ByteReader(payload);
    for (let left = input.u32(); left > 0; left--) {
      const mutation: Mutation = decodeMutation(input);
      if (mutation.kind === 'unlink' || mutation.kind === 'rename') this.#verify.forgetLinks();
      this.#tolerant(pathsOf(mutation), () => {
        this.#lookAt(mutation);
        if (mutation.kind === 'rename') this.#removeLeftovers(mutation);
        this.#keeper?.mutation(mutation);
        this.#context.applier.apply(mutation);
        this.#compare?.onMutation(mutation);
        if (this.#resyncing && mutation.kind === 'rename') this.#checkRename(mutation);
      });
    }
  }

  /** What is two files on the primary may be one with two names here still: a rename of the one to the other does nothing then (rename(2)). */
  #checkRename({ from, to, flags }: Rename): void {
    if ((flags & (RENAME_EXCHANGE | RENAME_WHITEOUT)) !== 0 || this.#context.tree.stat(from) === null) return;
    this.#miss([from, to], 'it is one file with another name here');
  }

  /** Files tell of changes behind the mirror only as long as the mirror has not changed them. */
  #lookAt(mutation: Mutation): void {
    if (this.#unwatched === null) return;
    if ('file' in mutation) {
      if (this.#lookedAt.has(mutation.file.ino)) return;
      this.#lookedAt.add(mutation.file.ino);
    }
    for (const path of pathsOf(mutation)) {
      const stat = this.#context.tree.stat(path);
      if (stat !== null) this.#unwatched.look(stat);
    }
  }

  #removeLeftovers(rename: Rename): void {
    const { tree, applier, excluded, excludedByPlace } = this.#context;
    const paths = leftovers(tree, rename, excluded, excludedByPlace);
    if (paths.length === 0) return;
    this.#keeper?.removal(paths);
    applier.forgetAll();
    for (const path of paths) {
      const parent = tree.entry(parentOf(path));
      tree.removeTree(path, this.alive);
      // Its time is the primary's.
      const file = { ino: 0, path: parentOf(path) };
      if (parent) applier.apply({ kind: 'utimens', file, atime: null, mtime: parent.mtime });
    }
  }

  #flush(number: number, payload: Buffer): void {
    const input = new ByteReader(payload);
    const ino = input.size();
    const datasync = input.u8() !== 0;
    const path = input.text();
    const nothingWaits = !this.#connection.hasMore;
    let begun = false;
    this.#tolerant([path], () => {
      try {
        begun = this.#context.applier.flush({ ino, path }, datasync, (fd, onlyData, noteDurable) => {
          const isBegun = this.#context.flush(fd, onlyData, number, nothingWaits);
          if (isBegun) this.#flushesUnderWay.set(number, noteDurable);
          else noteDurable();
          return isBegun;
        });
      } catch (error) {
        if (error instanceof ErrnoError) this.#noteLoss(error.errno);
        throw error;
      }
    });
    if (!begun) this.flushed(number, 0);
  }

  /** What the flush of a frame ended with, 0 for success. @throws ConnectionEnd */
  flushed(number: number, errno: number): void {
    const noteDurable = this.#flushesUnderWay.get(number);
    this.#flushesUnderWay.delete(number);
    if (errno === 0) noteDurable?.();
    if (errno === 0) this.#send(ToPrimary.flushed, new ByteWriter(8).size(number).done());
    else {
      this.#noteLoss(errno);
      this.#fail(new ErrnoError(errno, 'fsync'));
    }
  }

  /** What the disk has lost can still be read from memory: the next resync must not be deceived by it. */
  #noteLoss(errno: number): void {
    if (!isLoss(errno)) return;
    try {
      this.#context.main.call({ op: 'diskFailed', code: errnoName(errno) });
    } catch (error) {
      // Known to this process all the same.
      console.error(`That the disk has failed could not be recorded: ${reasonOf(error)}`);
    }
  }

  #begin(order: { kind: unknown }): void {
    const full = order.kind === 'full';
    this.#resyncing = true;
    this.#inStep = false;
    const marks = this.#context.loadMarks();
    this.#unwatched = full ? null : UnwatchedChanges.since(this.#context.record().stopped ?? null, marks.files.keys());
    this.#lookedAt.clear();
    this.#context.applier.forgetAll();
    this.#keeper?.close();
    const keeper = (this.#keeper = this.#context.keeper(this.alive));
    this.#compare = new DirectoryCompare({
      tree: this.#context.tree,
      applier: this.#context.applier,
      excluded: this.#context.excluded,
      // A full resync looks at everything anyway.
      marks: full ? new Map<number, ZoneSet>() : marks.files,
      unwatched: this.#unwatched,
      onStep: this.alive,
      before: keeper,
      onDoubt: (path) => this.#miss([path], 'it was one file with another name here'),
    });
    this.#send(ToPrimary.begun, Buffer.alloc(0));
  }

  #directory(number: number, payload: Buffer): void {
    // What is compared may be kept beyond this frame, whose bytes lie in the receive buffer.
    const message = decodeDirectory(Buffer.from(payload));
    if (!this.#compare) throw new MalformedMessage('a directory before the resync began');
    try {
      const { touched, entries } = this.#compare.compare(message);
      this.#send(ToPrimary.directoryCompared, encodeDirectoryAnswer({ number, absent: false, touched, entries }));
    } catch (error) {
      if (!(error instanceof ErrnoError) || !NOT_THERE_YET.has(error.errno)) throw error;
      this.#send(
        ToPrimary.directoryCompared,
        encodeDirectoryAnswer({ number, absent: true, touched: false, entries: [] }),
      );
    }
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
    this.#compare = null;
    this.#unwatched = null;
    this.#lookedAt.clear();
    // A replica that turned out equal stays a good one; what was changed can be taken back until its end is durable.
    if (this.#keeper?.spoiled === false) this.#keeper = null;
    this.#context.requestSync(number, { syncId: order.syncId, lineage: order.record.lineage });
  }

  /** The replica is durable as it was at frame `number`. @throws ConnectionEnd */
  synced(number: number, finish: boolean, error: string | null): void {
    if (error !== null) {
      this.#sendJson(ToPrimary.failed, { message: error });
      throw new ConnectionEnd(`this replica could not be made durable: ${error}`);
    }
    if (finish) {
      this.#store.close();
      this.#keeper?.close();
      this.#keeper = null;
      this.#context.applier.closeRemoved();
      this.#sendJson(ToPrimary.finished, { number, again: false });
    } else this.#send(ToPrimary.synced, new ByteWriter(8).size(number).done());
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof ErrnoError) {
    return error.errno === errnos.ENOSPC ? `no space left on device (${error.message})` : error.message;
  }
  if (error instanceof MirrorError || error instanceof MalformedMessage || error instanceof Error) return error.message;
  return String(error);
}
