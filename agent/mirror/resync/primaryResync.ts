import { S_IFDIR, S_IFMT, S_IFREG } from '../../platform/libc.ts';
import type { PrimarySession } from '../link/primarySession.ts';
import { frameBytes } from '../link/sealer.ts';
import { ToFollower, ToPrimary } from '../link/protocol.ts';
import { type ComparedEntry, decodeDirectoryAnswer, decodeHashAnswer, decodeMissed } from '../link/resyncMessages.ts';
import { monotonicMs, type SharedState } from '../link/sharedState.ts';
import type { ReplicaRecord, ResyncProgress } from '../mirror.ts';
import type { Mutation } from '../mutation.ts';
import type { DirtyTimes } from '../replica/dirtyTimes.ts';
import type { Resync } from '../replica/replication.ts';
import { type Entry, parentOf, type ReplicaTree } from '../replica/tree.ts';
import type { ZoneMarks } from '../replica/zoneMarks.ts';
import { mergeRanges } from '../replica/zoneSet.ts';
import { ContentCompare } from './contentCompare.ts';
import { DirectoryWalk } from './directoryWalk.ts';
import { isBelowMoved } from './movedDirectories.ts';
import { Ledger } from './ledger.ts';
import type { Pace } from './pace.ts';
import { type ResyncContext, type ResyncKind, sendCounted } from './resyncContext.ts';

const WHOLE_FILE = [{ start: 0, end: Number.MAX_SAFE_INTEGER }];

/**
 * Brings a follower up to date beside the running guest. It runs as small steps in the dispatcher's thread: between two requests a piece is
 * read and sent, so what is sent is the content at that place in the stream of changes, and the follower, which receives both in order, ends
 * up equal. First names and attributes, directory by directory; then content, by hashes of zones, then of blocks, then the blocks that differ.
 */
export class PrimaryResync implements Resync {
  readonly #context: ResyncContext;
  readonly #marks: ZoneMarks;
  readonly #kind: ResyncKind;
  readonly #walk: DirectoryWalk;
  readonly #content: ContentCompare;
  /**
   * What was marked as a whole when this resync began. A directory among them has been moved: what is below it may stand where the follower has
   * other files that look the same. What is moved from now on the follower sees moved.
   */
  readonly #moved: ReadonlySet<number>;
  /** Whether a file was changed behind the mirror, and is marked as a whole. */
  readonly #isUnwatched: (path: string) => boolean;
  #missed = 0;
  #finishing = false;

  constructor(options: {
    session: PrimarySession;
    shared: SharedState;
    tree: ReplicaTree;
    marks: ZoneMarks;
    dirtyTimes: DirtyTimes;
    excluded: (path: string) => boolean;
    isUnwatched: (path: string) => boolean;
    kind: ResyncKind;
    cause: string;
    pace: Pace;
  }) {
    const { session, shared, tree, dirtyTimes, excluded, kind, cause, pace } = options;
    const ledger = new Ledger(kind, cause, monotonicMs());
    this.#context = { session, shared, tree, dirtyTimes, excluded, ledger, pace };
    this.#marks = options.marks;
    this.#kind = kind;
    this.#moved = options.marks.whole;
    this.#isUnwatched = options.isUnwatched;
    this.#walk = new DirectoryWalk(this.#context, (path, entry, compared) => this.#onFile(path, entry, compared));
    this.#content = new ContentCompare(this.#context, (directory) => this.#walk.look(directory));
    sendCounted(this.#context, ToFollower.begin, Buffer.from(JSON.stringify({ kind })));
  }

  get ledger(): Ledger {
    return this.#context.ledger;
  }

  /** One step. Returns whether there is more to do at once; false: an answer or the peer has to be waited for. */
  step(): boolean {
    if (!this.#context.session.alive || this.#finishing) return false;
    if (this.#content.stepAnswered() || this.#walk.step()) return true;
    // Names first: content of files that are about to be renamed or removed would be sent in vain.
    if (this.#walk.complete && this.#content.stepZones()) return true;
    return !this.#content.waitForRoom();
  }

  /** Nothing is left to compare or to send. */
  get complete(): boolean {
    return !this.#finishing && this.#walk.complete && this.#content.complete;
  }

  summary(): { progress: ResyncProgress; durationMs: number } {
    const now = monotonicMs();
    return { progress: this.ledger.progress(now), durationMs: Math.round(now - this.ledger.startedAt) };
  }

  /** Asks the follower to be durable and in step. */
  finish(record: ReplicaRecord, syncId: string): void {
    this.#finishing = true;
    const order = { syncId, missed: this.#missed, record };
    sendCounted(this.#context, ToFollower.finish, Buffer.from(JSON.stringify(order)));
  }

  /** The follower has found a change that it could not apply after all: go on. */
  resume(): void {
    this.#finishing = false;
  }

  /** Decides what of a file's content has to be compared. */
  #onFile(path: string, entry: Entry, compared: ComparedEntry | null): void {
    const fresh = compared?.fresh ?? false;
    const differs = fresh || (compared?.differs ?? false);
    if (differs) this.#context.dirtyTimes.add(path);
    if (fresh || this.#kind === 'full' || isBelowMoved(this.#context.tree, path, this.#moved)) {
      if (fresh) this.#markUnmarked(entry.ino);
      this.#content.check(entry.ino, path, WHOLE_FILE, fresh);
      return;
    }
    // Before its marks are asked for: one that was changed gets one.
    this.#isUnwatched(path);
    const own = this.#marks.of(entry.ino);
    const ranges = mergeRanges([...(own?.ranges(entry.size) ?? []), ...(compared?.marked ?? [])]);
    if (ranges.length > 0 || own !== null) this.#content.check(entry.ino, path, ranges, false);
    // Nobody knows of a change, yet they differ: changed while nothing watched.
    else if (differs) {
      this.#markUnmarked(entry.ino);
      this.#content.check(entry.ino, path, WHOLE_FILE, false);
    }
  }

  /**
   * A file that was made just now, or whose difference only its time tells: when this session is lost, or the name moves before the answer is
   * here, nothing but a mark says that it still has to be compared as a whole. After a full resync that is not complete another one follows.
   */
  #markUnmarked(ino: number): void {
    if (this.#kind === 'delta') this.#marks.markWhole(ino);
  }

  /** An answer of the follower's. Returns whether it was one of the resync's. */
  onAnswer(type: number, payload: Buffer): boolean {
    switch (type) {
      case ToPrimary.directoryCompared:
        this.#walk.onAnswer(decodeDirectoryAnswer(payload));
        break;
      case ToPrimary.zonesCompared:
        this.#content.onZones(decodeHashAnswer(payload));
        break;
      case ToPrimary.blocksCompared:
        this.#content.onBlocks(decodeHashAnswer(payload));
        break;
      case ToPrimary.missed:
        this.#missed++;
        for (const path of decodeMissed(payload).paths) this.#onMissed(path);
        break;
      case ToPrimary.begun:
        break;
      default:
        return false;
    }
    this.ledger.sent += frameBytes([payload]);
    return true;
  }

  /** The follower could not apply a change at this path: its directory and its content are compared (again). */
  #onMissed(path: string): void {
    this.#walk.look(parentOf(path));
    const stat = this.#context.tree.stat(path);
    if (stat === null) return;
    if ((stat.mode & S_IFMT) === S_IFDIR) this.#walk.look(path);
    else if ((stat.mode & S_IFMT) === S_IFREG) {
      // What was changed under the name of another file has no mark of its own.
      this.#markUnmarked(stat.ino);
      this.#content.check(stat.ino, path, WHOLE_FILE, false);
    }
  }

  /** What is at these paths has come to be replicated, and was sent. */
  sentAnew(paths: readonly string[]): void {
    for (const path of paths) this.#walk.lookAt(path);
  }

  /** The guest has changed something, and the change was sent. */
  onMutation(mutation: Mutation): void {
    switch (mutation.kind) {
      case 'write':
        this.#content.written(mutation.file.ino, mutation.offset, mutation.offset + mutation.data.length);
        return;
      case 'rename':
        this.#content.renamed(mutation);
        this.#walk.renamed(mutation);
        return;
      case 'link':
        this.#content.linked(mutation.file.ino);
        this.#walk.linked(mutation);
        return;
      case 'unlink':
        this.#content.unlinked(mutation.ino, mutation.path);
        return;
      case 'rmdir':
        this.#walk.removed(mutation.path);
        return;
      default:
        return;
    }
  }

  /** Closes what is open. */
  end(): void {
    this.#content.end();
  }
}
