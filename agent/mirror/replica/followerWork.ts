import { ErrnoError, errnoName, errnos, RENAME_EXCHANGE, RENAME_WHITEOUT } from '../../platform/libc.ts';
import { ByteReader, MalformedMessage } from '../link/bytes.ts';
import { decodeMutation, pathsOf } from '../link/mutationCodec.ts';
import { ToFollower, ToPrimary } from '../link/protocol.ts';
import {
  decodeContent,
  decodeDirectory,
  decodeHashes,
  encodeDirectoryAnswer,
  encodeHashAnswer,
} from '../link/resyncMessages.ts';
import type { FrameHeader } from '../link/sealer.ts';
import type { ReplicaRecord } from '../mirror.ts';
import type { Mutation } from '../mutation.ts';
import { DirectoryCompare } from '../resync/directoryCompare.ts';
import { DirectStore } from '../resync/directStore.ts';
import { compareHashes, storeContent } from '../resync/followerContent.ts';
import { NOT_THERE_YET } from '../resync/notThereYet.ts';
import type { Rename } from '../resync/renames.ts';
import type { StateKeeper } from '../undo/stateKeeper.ts';
import { FollowerVerify, type VerifyAnswer } from '../verify/followerVerify.ts';
import type { Applier } from './applier.ts';
import { isLoss } from './diskLoss.ts';
import { leftovers } from './excluded.ts';
import type { ReplicaWork, WorkPort } from './replicaWork.ts';
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

/** What the work of a session needs of the worker that runs it. */
export interface WorkContext {
  readonly tree: ReplicaTree;
  readonly applier: Applier;
  readonly excluded: (path: string) => boolean;
  readonly excludedByPlace: (directory: string) => boolean;
  readonly record: () => ReplicaRecord;
  readonly loadMarks: () => LoadedMarks;
  /** Keeps what this replica is now, while a resync changes it. */
  readonly keeper: (onStep: () => void) => StateKeeper;
  /**
   * Makes an open file durable. Returns whether it was only begun; then the session's `flushed` is called with the number of the frame. Waits
   * for the disk if nothing else waits.
   */
  readonly flush: (fd: number, datasync: boolean, number: number, nothingWaits: boolean) => boolean;
  /** The disk has lost something; durably recorded when it returns. @throws MirrorError */
  readonly diskFailed: (code: string) => void;
}

/** What the frames of one session do to this replica's files. */
export class FollowerWork implements ReplicaWork {
  readonly #context: WorkContext;
  readonly #port: WorkPort;
  readonly #verify: FollowerVerify;
  readonly #store = new DirectStore();
  #compare: DirectoryCompare | null = null;
  /** While names are compared, when it can be told what was changed on this host behind the mirror. */
  #unwatched: UnwatchedChanges | null = null;
  /** Of the primary's files: what they are here was looked at. */
  readonly #lookedAt = new Set<number>();
  /** From the start of a resync until its end is durable. */
  #keeper: StateKeeper | null = null;
  /** What to call when a flush that was begun is done, by its frame. */
  readonly #flushesUnderWay = new Map<number, () => void>();

  constructor(context: WorkContext, port: WorkPort) {
    this.#context = context;
    this.#port = port;
    this.#verify = new FollowerVerify(context.tree, context.excluded);
  }

  settleFor(type: number): void {
    if (!BESIDE_STORES.has(type)) this.#store.settle();
  }

  mutations(payload: Buffer): void {
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
        if (this.#port.isResyncing() && mutation.kind === 'rename') this.#checkRename(mutation);
      });
    }
  }

  /** Runs a change; during a resync one that hits what is not there yet is reported, to be compared again, and left out. */
  #tolerant(paths: readonly string[], change: () => void): void {
    try {
      change();
    } catch (error) {
      if (!this.#port.isResyncing() || !(error instanceof ErrnoError) || OWN_TROUBLE.has(error.errno)) throw error;
      this.#port.miss(paths, error.message);
    }
  }

  /** What is two files on the primary may be one with two names here still: a rename of the one to the other does nothing then (rename(2)). */
  #checkRename({ from, to, flags }: Rename): void {
    if ((flags & (RENAME_EXCHANGE | RENAME_WHITEOUT)) !== 0 || this.#context.tree.stat(from) === null) return;
    this.#port.miss([from, to], 'it is one file with another name here');
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
      tree.removeTree(path, this.#port.alive);
      // Its time is the primary's.
      const file = { ino: 0, path: parentOf(path) };
      if (parent) applier.apply({ kind: 'utimens', file, atime: null, mtime: parent.mtime });
    }
  }

  flush(number: number, payload: Buffer, nothingWaits: boolean): boolean {
    const input = new ByteReader(payload);
    const ino = input.size();
    const datasync = input.u8() !== 0;
    const path = input.text();
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
    return begun;
  }

  flushed(number: number, errno: number): string | null {
    const noteDurable = this.#flushesUnderWay.get(number);
    this.#flushesUnderWay.delete(number);
    if (errno === 0) {
      noteDurable?.();
      return null;
    }
    this.#noteLoss(errno);
    return this.reasonOf(new ErrnoError(errno, 'fsync'));
  }

  /** What the disk has lost can still be read from memory: the next resync must not be deceived by it. */
  #noteLoss(errno: number): void {
    if (!isLoss(errno)) return;
    try {
      this.#context.diskFailed(errnoName(errno));
    } catch (error) {
      // Known to this process all the same.
      console.error(`That the disk has failed could not be recorded: ${this.reasonOf(error)}`);
    }
  }

  begin(full: boolean): void {
    const { tree, applier, excluded, record, loadMarks } = this.#context;
    const { alive } = this.#port;
    const marks = loadMarks();
    this.#unwatched = full ? null : UnwatchedChanges.since(record().stopped ?? null, marks.files.keys());
    this.#lookedAt.clear();
    applier.forgetAll();
    this.#keeper?.close();
    const keeper = (this.#keeper = this.#context.keeper(alive));
    this.#compare = new DirectoryCompare({
      tree,
      applier,
      excluded,
      // A full resync looks at everything anyway.
      marks: full ? new Map<number, ZoneSet>() : marks.files,
      unwatched: this.#unwatched,
      onStep: alive,
      before: keeper,
      onDoubt: (path) => this.#port.miss([path], 'it was one file with another name here'),
    });
  }

  step({ type, number }: FrameHeader, payload: Buffer): boolean {
    switch (type) {
      case ToFollower.directory:
        this.#directory(number, payload);
        return true;
      case ToFollower.zones:
      case ToFollower.blocks:
        this.#hashes(number, payload, type === ToFollower.zones);
        return true;
      case ToFollower.content:
        this.#content(payload);
        return true;
      case ToFollower.removeTree:
        this.#removeTree(new ByteReader(payload).text());
        return true;
      case ToFollower.verifyDirectory:
        this.#verified(this.#verify.directory(Buffer.from(payload)));
        return true;
      case ToFollower.verifyContent:
        this.#verified(this.#verify.content(payload));
        return true;
      default:
        return false;
    }
  }

  #directory(number: number, payload: Buffer): void {
    // What is compared may be kept beyond this frame, whose bytes lie in the receive buffer.
    const message = decodeDirectory(Buffer.from(payload));
    if (!this.#compare) throw new MalformedMessage('a directory before the resync began');
    try {
      const { touched, entries } = this.#compare.compare(message);
      const answer = encodeDirectoryAnswer({ number, absent: false, touched, entries });
      this.#port.send(ToPrimary.directoryCompared, answer);
    } catch (error) {
      if (!(error instanceof ErrnoError) || !NOT_THERE_YET.has(error.errno)) throw error;
      const answer = encodeDirectoryAnswer({ number, absent: true, touched: false, entries: [] });
      this.#port.send(ToPrimary.directoryCompared, answer);
    }
  }

  #hashes(number: number, payload: Buffer, zones: boolean): void {
    const answer = compareHashes(this.#context.applier, this.#store, decodeHashes(payload), {
      zones,
      before: this.#keeper,
      fromDisk: Boolean(this.#context.record().diskError),
    });
    const type = zones ? ToPrimary.zonesCompared : ToPrimary.blocksCompared;
    this.#port.send(type, encodeHashAnswer({ number, ...answer }));
  }

  #content(payload: Buffer): void {
    const message = decodeContent(payload);
    // What became of the content before is not this file's fault.
    this.#store.settle();
    this.#tolerant([message.file.path ?? ''], () =>
      storeContent(this.#context.applier, this.#store, message, this.#keeper),
    );
  }

  #removeTree(path: string): void {
    const { tree, applier } = this.#context;
    this.#verify.forgetLinks();
    applier.forgetAll();
    this.#tolerant([path], () => {
      this.#keeper?.removal([path]);
      tree.removeTree(path, this.#port.alive);
    });
  }

  #verified(answer: VerifyAnswer): void {
    this.#port.send(ToPrimary.verified, Buffer.from(JSON.stringify(answer)));
  }

  enterStep(): void {
    this.#compare = null;
    this.#unwatched = null;
    this.#lookedAt.clear();
    // A replica that turned out equal stays a good one; what was changed can be taken back until its end is durable.
    if (this.#keeper?.spoiled === false) this.#keeper = null;
  }

  finished(): void {
    this.#endResync();
    this.#context.applier.closeRemoved();
  }

  end(): void {
    this.#endResync();
  }

  #endResync(): void {
    this.#store.close();
    this.#keeper?.close();
    this.#keeper = null;
  }

  reasonOf(error: unknown): string {
    if (error instanceof ErrnoError && error.errno === errnos.ENOSPC) {
      return `no space left on device (${error.message})`;
    }
    return error instanceof Error ? error.message : String(error);
  }
}
