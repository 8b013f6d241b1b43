import { close, ErrnoError, fromByteString, fstat, O_NOATIME, O_NONBLOCK, O_RDONLY } from '../../platform/libc.ts';
import type { PrimarySession } from '../link/primarySession.ts';
import { BLOCK_BYTES, ToFollower } from '../link/protocol.ts';
import { encodeDirectory, encodeHashes, HASH_BYTES, type HashMessage } from '../link/resyncMessages.ts';
import { monotonicMs } from '../link/sharedState.ts';
import type { Difference, VerifyProgress, VerifyReport } from '../mirror.ts';
import type { Mutation } from '../mutation.ts';
import type { ReplicaTree } from '../replica/tree.ts';
import { DataRuns, putHash, readPiece } from '../resync/content.ts';
import { RateLimit } from '../resync/ledger.ts';
import type { VerifyAnswer } from './followerVerify.ts';
import { type ListingStep, VerifyWalk } from './verifyWalk.ts';

/** Content in one frame: short enough that the guest does not notice it. */
const STEP_BYTES = 256 * 1024;
/** A hole costs the primary nothing; the secondary may have written zeros there. */
const HOLE_BYTES = 16 * 1024 * 1024;
/** Frames that wait for their answer. */
const MOST_WAITING = 4;
const MOST_LISTED = 1000;
const REPORT_EVERY_MS = 250;

/**
 * Compares both replicas beside the running guest. It runs as small steps in the dispatcher's thread, between two requests: what is read here
 * goes out as a frame in the order of the changes, so the secondary compares at exactly the same point of history, and nothing that the guest
 * writes meanwhile can look like a difference. First names and attributes, then content.
 */
export class PrimaryVerify {
  readonly #session: PrimarySession;
  readonly #tree: ReplicaTree;
  readonly #settleTimes: () => void;
  readonly #rateLimit: RateLimit;
  readonly #walk: VerifyWalk;
  readonly #startedAt = monotonicMs();
  readonly #differences: Difference[] = [];
  readonly #seen = new Set<string>();
  #total = 0;
  #waiting = 0;
  #checked = 0;
  #reportedAt = 0;
  /** The file at hand, and how far it is compared. */
  #at = 0;

  constructor(options: {
    session: PrimarySession;
    tree: ReplicaTree;
    excluded: (path: string) => boolean;
    /** Names that are not replicated may be further links of a file. */
    hasExcluded: boolean;
    /** Sends the times that were not sent yet, so that both replicas have the same ones. */
    settleTimes: () => void;
    bandwidth: number | null;
  }) {
    this.#session = options.session;
    this.#tree = options.tree;
    this.#settleTimes = options.settleTimes;
    this.#rateLimit = new RateLimit(options.bandwidth, this.#startedAt);
    this.#walk = new VerifyWalk(options.tree, options.excluded, options.hasExcluded);
  }

  get complete(): boolean {
    return this.#waiting === 0 && this.#walk.complete;
  }

  /** Whether there is something to do; false: an answer or the limit has to be waited for. */
  get ready(): boolean {
    return this.#waiting < MOST_WAITING && !this.#walk.complete && this.#rateLimit.open(monotonicMs());
  }

  /** One step. What was sent to the secondary before has to be in the files of this host. */
  step(): void {
    if (!this.#walk.listed) this.#tolerant(() => this.#sendListing(this.#walk.nextListing()));
    else if (!this.#tolerant(() => this.#stepContent())) this.#nextFile();
  }

  /** What cannot be read on this host is found, too, and the rest is compared all the same. */
  #tolerant(action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (!(error instanceof ErrnoError)) throw error;
      this.#note({ path: this.#walk.at, what: 'unreadable', detail: `on the primary: ${error.message}` });
      return false;
    }
  }

  #sendListing(listing: ListingStep | null): void {
    if (listing === null || listing === 'nothing') return;
    this.#settleTimes();
    this.#send(ToFollower.verifyDirectory, encodeDirectory(listing));
  }

  #send(type: number, payload: Uint8Array): void {
    this.#waiting++;
    this.#rateLimit.spend(this.#session.send(type, payload));
  }

  #nextFile(): void {
    this.#walk.fileDone();
    this.#at = 0;
  }

  #stepContent(): void {
    const file = this.#walk.currentFile();
    if (file === null) {
      this.#nextFile();
      return;
    }
    const fd = this.#tree.open(file.path, O_RDONLY | O_NONBLOCK | O_NOATIME);
    try {
      const { size } = fstat(fd);
      if (this.#at >= size) {
        this.#nextFile();
        return;
      }
      const runs = new DataRuns(fd);
      const dataAt = runs.nextData({ start: this.#at, end: Math.min(size, this.#at + HOLE_BYTES) });
      // The hole before the next data by itself, rounded to blocks: a file system may have smaller ones.
      const holeEnd = dataAt >= size ? size : dataAt - (dataAt % BLOCK_BYTES);
      const holes = [{ start: this.#at, end: holeEnd }];
      if (holeEnd > this.#at) this.#compare({ file, offsets: [], hashes: Buffer.alloc(0), holes }, holeEnd);
      else this.#compareData(fd, runs, file, Math.min(size, this.#at + STEP_BYTES));
    } finally {
      close(fd);
    }
  }

  #compareData(fd: number, runs: DataRuns, file: { ino: number; path: string }, end: number): void {
    const { data, holes } = runs.split({ start: this.#at, end });
    const stop = holes.find((hole) => hole.start > this.#at && hole.end === end && data.length > 0)?.start ?? end;
    const until = Math.min(end, Math.ceil(stop / BLOCK_BYTES) * BLOCK_BYTES);
    const bytes = readPiece(fd, this.#at, until - this.#at);
    const offsets: number[] = [];
    const hashes = Buffer.allocUnsafe(Math.ceil(bytes.length / BLOCK_BYTES) * HASH_BYTES);
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
      putHash(bytes.subarray(at, at + BLOCK_BYTES), hashes, offsets.length * HASH_BYTES);
      offsets.push(this.#at + at);
    }
    this.#rateLimit.spend(bytes.length);
    this.#compare({ file, offsets, hashes, holes: [] }, until);
  }

  #compare(message: HashMessage, end: number): void {
    this.#send(ToFollower.verifyContent, encodeHashes(message));
    this.#checked += end - this.#at;
    this.#at = end;
  }

  onAnswer(payload: Buffer): void {
    const { total, differences } = JSON.parse(payload.toString('utf8')) as VerifyAnswer;
    this.#waiting--;
    for (const difference of differences) this.#note(difference);
    this.#total += total - differences.length;
  }

  #note(difference: Difference): void {
    const key = `${difference.what} ${difference.offset ?? ''} ${difference.path}`;
    // A missing file is found by its name and again by its content.
    if (this.#seen.has(key)) return;
    this.#total++;
    if (this.#differences.length >= MOST_LISTED) return;
    this.#seen.add(key);
    this.#differences.push({ ...difference, path: fromByteString(difference.path) });
  }

  onMutation(mutation: Mutation): void {
    this.#walk.onMutation(mutation);
  }

  /** The progress when it is time to tell, else null. */
  progressReport(now: number): VerifyProgress | null {
    if (now - this.#reportedAt < REPORT_EVERY_MS) return null;
    this.#reportedAt = now;
    const elapsed = (now - this.#startedAt) / 1000;
    const rate = elapsed > 0 ? Math.round(this.#checked / elapsed) : 0;
    const toCheck = Math.max(this.#walk.bytes, this.#checked);
    return {
      names: this.#walk.names,
      toCheck,
      checked: this.#checked,
      differences: this.#total,
      rate,
      secondsLeft: rate > 0 && this.#walk.listed ? Math.round((toCheck - this.#checked) / rate) : null,
    };
  }

  report(outcome: VerifyReport['outcome'], reason: string | null): VerifyReport {
    return {
      outcome,
      reason,
      names: this.#walk.names,
      checked: this.#checked,
      durationMs: Math.round(monotonicMs() - this.#startedAt),
      total: this.#total,
      differences: this.#differences,
    };
  }
}
