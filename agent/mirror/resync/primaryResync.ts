import { randomUUID } from 'node:crypto';
import {
  close,
  errnos,
  ErrnoError,
  fstat,
  O_NOATIME,
  O_NONBLOCK,
  O_RDONLY,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from '../../platform/libc.ts';
import { pathsOf } from '../link/mutationCodec.ts';
import { frameBytes, type PrimarySession } from '../link/primarySession.ts';
import { BLOCK_BYTES, BLOCKS_PER_ZONE, ToFollower, ToPrimary, ZONE_BYTES } from '../link/protocol.ts';
import {
  decodeDirectoryAnswer,
  decodeHashAnswer,
  decodeMissed,
  encodeContent,
  encodeDirectory,
  encodeHashes,
  type DirectoryAnswer,
  type HashAnswer,
} from '../link/resyncMessages.ts';
import { monotonicMs, type SharedState } from '../link/sharedState.ts';
import type { ReplicaRecord } from '../mirror.ts';
import type { Mutation } from '../mutation.ts';
import type { DirtyTimes } from '../replica/dirtyTimes.ts';
import { type Entry, joinPath, parentOf, type ReplicaTree } from '../replica/tree.ts';
import type { ZoneMarks } from '../replica/zoneMarks.ts';
import { type ByteRange, mergeRanges } from '../replica/zoneSet.ts';
import { hashOf, isZero, readPiece, splitHoles } from './content.ts';
import { Ledger, RateLimit } from './ledger.ts';

/** Entries of one listing message. */
const ENTRIES_PER_MESSAGE = 1000;
const DIRECTORIES_IN_FLIGHT = 4;
const HASHES_IN_FLIGHT = 8;
const ZONES_PER_MESSAGE = 16;
/** Bytes of content on their way: more would make the guest's writes wait in the same queue. */
const CONTENT_IN_FLIGHT = 2 * 1024 * 1024;

interface Item {
  readonly ino: number;
  /** Where the file is now; null when it has no name any more. */
  path: string | null;
  /** The follower has just made it: zeros need not be sent, nothing need be compared. */
  readonly fresh: boolean;
  /** Parts still to be looked at, in order. */
  ranges: ByteRange[];
  /** It may have other names. */
  readonly linked: boolean;
  /** Open while it is being looked at, else -1. */
  fd: number;
  /** Answers and pieces of content that are still due. */
  open: number;
  changed: boolean;
}

interface Listing {
  readonly path: string;
  readonly entries: readonly Entry[];
}

interface ZonesJob {
  readonly item: Item;
  readonly offsets: readonly number[];
}

export type ResyncKind = 'delta' | 'full';

/**
 * Brings a follower up to date beside the running guest. It runs as small steps in the dispatcher's thread: between two requests a piece is
 * read and sent, so what is sent is the content at that place in the stream of changes, and the follower, which receives both in order, ends
 * up equal. First names and attributes, directory by directory; then content, by hashes of zones, then of blocks, then the blocks that differ.
 */
export class PrimaryResync {
  readonly #session: PrimarySession;
  readonly #shared: SharedState;
  readonly #tree: ReplicaTree;
  readonly #marks: ZoneMarks;
  readonly #dirtyTimes: DirtyTimes;
  readonly #excluded: (name: string) => boolean;
  readonly #kind: ResyncKind;
  readonly #rateLimit: RateLimit;
  readonly ledger: Ledger;

  readonly #directories = new Set<string>();
  readonly #retries = new Map<string, number>();
  #bigListing: { path: string; names: string[]; at: number } | null = null;
  readonly #listings = new Map<number, Listing>();
  readonly #items = new Map<number, Item>();
  readonly #waitingItems = new Set<Item>();
  readonly #zonesInFlight = new Map<number, ZonesJob>();
  readonly #blocksInFlight = new Map<number, ZonesJob>();
  readonly #blockJobs: ZonesJob[] = [];
  readonly #contentJobs: ZonesJob[] = [];
  readonly #contentInFlight: { number: number; bytes: number }[] = [];
  #contentBytes = 0;
  #missed = 0;
  #finishNumber = 0;
  #pieceBytes = new Map<ZonesJob, number>();

  constructor(options: {
    session: PrimarySession;
    shared: SharedState;
    tree: ReplicaTree;
    marks: ZoneMarks;
    dirtyTimes: DirtyTimes;
    excluded: (name: string) => boolean;
    kind: ResyncKind;
    cause: string;
    /** Bytes per second, null for no limit. */
    bandwidth: number | null;
  }) {
    this.#session = options.session;
    this.#shared = options.shared;
    this.#tree = options.tree;
    this.#marks = options.marks;
    this.#dirtyTimes = options.dirtyTimes;
    this.#excluded = options.excluded;
    this.#kind = options.kind;
    this.#rateLimit = new RateLimit(options.bandwidth, monotonicMs());
    this.ledger = new Ledger(options.kind, options.cause, monotonicMs());
    this.#sent(this.#session.sendJson(ToFollower.begin, { kind: options.kind }));
    this.#directories.add('');
  }

  #sent(bytes: number): void {
    this.ledger.sent += bytes;
    this.#rateLimit.spend(bytes);
  }

  /** Everything was sent and the follower has been asked to be durable. */
  get finishing(): boolean {
    return this.#finishNumber !== 0;
  }

  /** One step. Returns whether there is more to do at once; false: an answer, the peer or the limit has to be waited for. */
  step(): boolean {
    if (!this.#session.alive || this.finishing || !this.#rateLimit.open(monotonicMs())) return false;
    this.#settleContent();
    if (this.#contentBytes < CONTENT_IN_FLIGHT) {
      const job = this.#contentJobs.shift();
      if (job) return this.#sendBlocks(job);
    }
    if (this.#blocksInFlight.size < HASHES_IN_FLIGHT) {
      const job = this.#blockJobs.shift();
      if (job) return this.#sendBlockHashes(job);
    }
    if (this.#listings.size < DIRECTORIES_IN_FLIGHT) {
      if (this.#bigListing) return this.#sendBigListing(this.#bigListing);
      for (const path of this.#directories) {
        this.#directories.delete(path);
        this.#sendDirectory(path);
        return true;
      }
    }
    // Names first: content of files that are about to be renamed or removed would be sent in vain.
    if (this.#directories.size > 0 || this.#bigListing || this.#listings.size > 0) return false;
    if (this.#zonesInFlight.size < HASHES_IN_FLIGHT && this.#contentBytes < CONTENT_IN_FLIGHT) {
      for (const item of this.#waitingItems) return this.#advance(item);
    }
    return false;
  }

  /** Nothing is left to compare or to send. */
  get complete(): boolean {
    return (
      !this.finishing &&
      this.#directories.size === 0 &&
      this.#bigListing === null &&
      this.#listings.size === 0 &&
      this.#waitingItems.size === 0 &&
      this.#items.size === 0
    );
  }

  /** Asks the follower to be durable and in step. @returns the name of this resync */
  finish(record: ReplicaRecord): string {
    const syncId = randomUUID();
    this.#finishNumber = this.#session.nextNumber;
    this.#sent(this.#session.sendJson(ToFollower.finish, { syncId, missed: this.#missed, record }));
    return syncId;
  }

  /** The follower has found a change that it could not apply after all: go on. */
  resume(): void {
    this.#finishNumber = 0;
  }

  // --- names

  #names(path: string): string[] {
    return this.#tree
      .names(path)
      .filter((name) => !this.#excluded(name))
      .sort();
  }

  #sendDirectory(path: string): void {
    const self = this.#tree.entry(path);
    // Gone or replaced meanwhile: the change itself was sent.
    if (self === null || (self.mode & S_IFMT) !== S_IFDIR) return;
    const names = this.#names(path);
    if (names.length > ENTRIES_PER_MESSAGE) {
      this.#bigListing = { path, names, at: 0 };
      return;
    }
    const entries = this.#tree.list(path, (name) => !this.#excluded(name));
    this.#sendListing(path, self, entries, null, true);
  }

  /** A directory of many entries goes in parts; the last one tells all names, as they are then. */
  #sendBigListing(listing: { path: string; names: string[]; at: number }): boolean {
    const { path } = listing;
    const self = this.#tree.entry(path);
    if (self === null || (self.mode & S_IFMT) !== S_IFDIR) {
      this.#bigListing = null;
      return true;
    }
    const part = listing.names.slice(listing.at, listing.at + ENTRIES_PER_MESSAGE);
    listing.at += ENTRIES_PER_MESSAGE;
    const last = listing.at >= listing.names.length;
    if (last) this.#bigListing = null;
    const entries = part.map((name) => this.#tree.entry(joinPath(path, name))).filter((entry) => entry !== null);
    this.#sendListing(path, self, entries, last ? this.#names(path) : null, false);
    return true;
  }

  #sendListing(
    path: string,
    self: Entry,
    entries: readonly Entry[],
    allNames: readonly string[] | null,
    complete: boolean,
  ): void {
    this.#listings.set(this.#session.nextNumber, { path, entries });
    this.#sent(this.#session.send(ToFollower.directory, encodeDirectory({ path, self, entries, allNames, complete })));
    for (const entry of entries) {
      if ((entry.mode & S_IFMT) === S_IFDIR) this.#directories.add(joinPath(path, entry.name));
    }
  }

  #onDirectory(answer: DirectoryAnswer): void {
    const listing = this.#listings.get(answer.number);
    if (!listing) return;
    this.#listings.delete(answer.number);
    const { path } = listing;
    if (answer.absent) {
      this.#lookAgain(parentOf(path));
      this.#lookAgain(path);
      return;
    }
    if (answer.touched) this.#dirtyTimes.add(path);
    const found = new Map(answer.entries.map((entry) => [entry.index, entry]));
    listing.entries.forEach((entry, index) => {
      if ((entry.mode & S_IFMT) !== S_IFREG) return;
      const compared = found.get(index);
      const own = this.#kind === 'full' ? null : this.#marks.of(entry.ino);
      const filePath = joinPath(path, entry.name);
      if (compared?.differs || compared?.fresh) this.#dirtyTimes.add(filePath);
      const whole = [{ start: 0, end: Number.MAX_SAFE_INTEGER }];
      if (compared?.fresh) this.#check(entry.ino, filePath, whole, true);
      else if (this.#kind === 'full') this.#check(entry.ino, filePath, whole, false);
      else {
        const ranges = mergeRanges([...(own?.ranges(entry.size) ?? []), ...(compared?.marked ?? [])]);
        if (ranges.length > 0 || own !== null) this.#check(entry.ino, filePath, ranges, false);
        // Nobody knows of a change, yet they differ: changed while nothing watched.
        else if (compared?.differs) this.#check(entry.ino, filePath, whole, false);
      }
    });
  }

  /** A directory has to be listed once more. Gives up on one that stays away, which the end of the resync then finds. */
  #lookAgain(path: string): void {
    const tries = (this.#retries.get(path) ?? 0) + 1;
    this.#retries.set(path, tries);
    if (tries > 100) this.#session.lost(`the resync cannot settle ${JSON.stringify(path)}`);
    else this.#directories.add(path);
  }

  // --- content

  #check(ino: number, path: string, ranges: readonly ByteRange[], fresh: boolean): void {
    const known = this.#items.get(ino);
    if (known && !known.fresh) {
      const before = lengthOf(known.ranges);
      known.ranges = clamp(mergeRanges([...known.ranges, ...ranges]), this.#sizeOf(known));
      this.ledger.toCheck += Math.max(0, lengthOf(known.ranges) - before);
      known.path = path;
      this.#waitingItems.add(known);
      return;
    }
    if (known) this.#forget(known);
    const stat = this.#tree.stat(path);
    // Gone meanwhile: the change itself was sent.
    if (stat === null) return;
    if (stat.ino !== ino) {
      this.#lookAgain(parentOf(path));
      return;
    }
    const item: Item = {
      ino,
      path,
      fresh,
      ranges: clamp(ranges, stat.size),
      linked: stat.nlink > 1,
      fd: -1,
      open: 0,
      changed: fresh,
    };
    this.ledger.toCheck += lengthOf(item.ranges);
    this.#items.set(ino, item);
    this.#waitingItems.add(item);
  }

  #sizeOf(item: Item): number {
    if (item.fd >= 0) return fstat(item.fd).size;
    return item.path === null ? 0 : (this.#tree.stat(item.path)?.size ?? 0);
  }

  /** Opens the file, unless it is not the one any more that was to be looked at. */
  #open(item: Item, path: string): boolean {
    if (item.fd >= 0) return true;
    try {
      item.fd = this.#tree.open(path, O_RDONLY | O_NONBLOCK | O_NOATIME);
    } catch (error) {
      if (error instanceof ErrnoError && [errnos.ENOENT, errnos.ENOTDIR, errnos.ELOOP].includes(error.errno)) {
        return false;
      }
      throw error;
    }
    return fstat(item.fd).ino === item.ino;
  }

  #forget(item: Item): void {
    if (this.#items.get(item.ino) !== item) return;
    this.ledger.checked += lengthOf(item.ranges);
    this.#items.delete(item.ino);
    this.#waitingItems.delete(item);
    item.path = null;
    if (item.fd >= 0) close(item.fd);
    item.fd = -1;
  }

  #settle(item: Item): void {
    if (this.#items.get(item.ino) !== item || item.ranges.length > 0 || item.open > 0) return;
    if (item.changed && item.path !== null) this.#dirtyTimes.add(item.path);
    this.#forget(item);
  }

  /** Looks at the next zones of a file. */
  #advance(item: Item): boolean {
    const path = item.path;
    if (path === null || !this.#open(item, path)) {
      this.#forget(item);
      if (path !== null) this.#lookAgain(parentOf(path));
      return true;
    }
    const taken: ByteRange[] = [];
    let zones = 0;
    while (zones < ZONES_PER_MESSAGE) {
      const range = item.ranges.shift();
      if (!range) break;
      const first = Math.floor(range.start / ZONE_BYTES);
      const end = Math.min(range.end, (first + ZONES_PER_MESSAGE - zones) * ZONE_BYTES);
      taken.push({ start: range.start, end });
      zones += Math.ceil(end / ZONE_BYTES) - first;
      if (end < range.end) item.ranges.unshift({ start: end, end: range.end });
    }
    const size = this.#sizeOf(item);
    const parts = clamp(taken, size).map((range) => splitHoles(item.fd, range));
    this.ledger.checked += lengthOf(taken);
    const offsets = new Set<number>();
    for (const { data } of parts) {
      for (const range of data) {
        for (let at = Math.floor(range.start / ZONE_BYTES) * ZONE_BYTES; at < range.end; at += ZONE_BYTES) {
          offsets.add(at);
        }
      }
    }
    const job: ZonesJob = { item, offsets: [...offsets] };
    if (item.fresh) {
      this.#pieceBytes.set(job, ZONE_BYTES);
      if (job.offsets.length > 0) this.#queueContent(job);
    } else {
      const holes = parts.flatMap((part) => part.holes);
      if (job.offsets.length > 0 || holes.length > 0) {
        const pieces = job.offsets.map((offset) => ({ offset, hash: hashOf(readPiece(item.fd, offset, ZONE_BYTES)) }));
        // A hole that ends within a zone is compared with that zone.
        const message = encodeHashes({ file: { ino: item.ino, path }, pieces, holes });
        this.#zonesInFlight.set(this.#session.nextNumber, job);
        item.open++;
        this.#sent(this.#session.send(ToFollower.zones, message));
      }
    }
    if (item.ranges.length === 0) this.#waitingItems.delete(item);
    this.#settle(item);
    return true;
  }

  #queueContent(job: ZonesJob): void {
    job.item.open++;
    this.#contentJobs.push(job);
  }

  #onZones(answer: HashAnswer): void {
    const job = this.#zonesInFlight.get(answer.number);
    if (!job) return;
    this.#zonesInFlight.delete(answer.number);
    job.item.open--;
    if (answer.absent) this.#absent(job.item);
    else {
      const offsets = job.offsets.filter((_, index) => answer.differing[index] === 1);
      if (offsets.length > 0) {
        job.item.open++;
        this.#blockJobs.push({ item: job.item, offsets });
      }
    }
    this.#settle(job.item);
  }

  #sendBlockHashes({ item, offsets }: ZonesJob): boolean {
    item.open--;
    if (item.path === null) {
      this.#settle(item);
      return true;
    }
    const pieces: { offset: number; hash: Buffer }[] = [];
    for (const offset of offsets) {
      const zone = readPiece(item.fd, offset, ZONE_BYTES);
      for (let at = 0; at < zone.length; at += BLOCK_BYTES) {
        pieces.push({ offset: offset + at, hash: hashOf(zone.subarray(at, at + BLOCK_BYTES)) });
      }
    }
    const job: ZonesJob = { item, offsets: pieces.map((piece) => piece.offset) };
    this.#blocksInFlight.set(this.#session.nextNumber, job);
    item.open++;
    this.#sent(
      this.#session.send(
        ToFollower.blocks,
        encodeHashes({ file: { ino: item.ino, path: item.path }, pieces, holes: [] }),
      ),
    );
    return true;
  }

  #onBlocks(answer: HashAnswer): void {
    const job = this.#blocksInFlight.get(answer.number);
    if (!job) return;
    this.#blocksInFlight.delete(answer.number);
    job.item.open--;
    if (answer.absent) this.#absent(job.item);
    else {
      const differing = job.offsets.filter((_, index) => answer.differing[index] === 1);
      for (let at = 0; at < differing.length; at += ZONES_PER_MESSAGE * BLOCKS_PER_ZONE) {
        const next: ZonesJob = {
          item: job.item,
          offsets: differing.slice(at, at + ZONES_PER_MESSAGE * BLOCKS_PER_ZONE),
        };
        this.#pieceBytes.set(next, BLOCK_BYTES);
        this.#queueContent(next);
      }
    }
    this.#settle(job.item);
  }

  /** The file is not where it should be at the follower: list its directory again, which makes it. */
  #absent(item: Item): void {
    const path = item.path;
    this.#forget(item);
    if (path !== null) this.#lookAgain(parentOf(path));
  }

  #sendBlocks(job: ZonesJob): boolean {
    const { item, offsets } = job;
    const length = this.#pieceBytes.get(job) ?? BLOCK_BYTES;
    this.#pieceBytes.delete(job);
    item.open--;
    if (item.path !== null) {
      const pieces: { offset: number; length: number; data: Buffer | null }[] = [];
      for (const offset of offsets) {
        const content = readPiece(item.fd, offset, length);
        for (let at = 0; at < content.length; at += BLOCK_BYTES) {
          const block = content.subarray(at, at + BLOCK_BYTES);
          const zero = isZero(block);
          if (zero && item.fresh) continue;
          const last = pieces.at(-1);
          // Neighbouring blocks lie behind one another in what was read.
          if (
            last &&
            last.offset + last.length === offset + at &&
            (last.data === null) === zero &&
            last.length < ZONE_BYTES
          ) {
            last.length += block.length;
            if (last.data !== null) last.data = Buffer.concat([last.data, block]);
          } else pieces.push({ offset: offset + at, length: block.length, data: zero ? null : block });
        }
      }
      if (pieces.length > 0) {
        item.changed = true;
        const message = encodeContent({ file: { ino: item.ino, path: item.path }, pieces });
        this.#contentInFlight.push({ number: this.#session.nextNumber, bytes: message.length });
        this.#contentBytes += message.length;
        this.#sent(this.#session.send(ToFollower.content, message));
      }
    }
    this.#settle(item);
    return true;
  }

  #settleContent(): void {
    const acked = this.#shared.acked;
    for (let first = this.#contentInFlight[0]; first && first.number <= acked; first = this.#contentInFlight[0]) {
      this.#contentInFlight.shift();
      this.#contentBytes -= first.bytes;
    }
  }

  // --- what comes from outside

  /** An answer of the follower's. Returns whether it was one of the resync's. */
  onAnswer(type: number, payload: Buffer): boolean {
    switch (type) {
      case ToPrimary.directoryCompared:
        this.#onDirectory(decodeDirectoryAnswer(payload));
        break;
      case ToPrimary.zonesCompared:
        this.#onZones(decodeHashAnswer(payload));
        break;
      case ToPrimary.blocksCompared:
        this.#onBlocks(decodeHashAnswer(payload));
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
    this.ledger.sent += frameBytes(payload.length);
    return true;
  }

  /** The follower could not apply a change at this path: its directory and its content are compared (again). */
  #onMissed(path: string): void {
    this.#lookAgain(parentOf(path));
    const stat = this.#tree.stat(path);
    if (stat === null) return;
    if ((stat.mode & S_IFMT) === S_IFDIR) this.#lookAgain(path);
    else if ((stat.mode & S_IFMT) === S_IFREG) {
      this.#check(stat.ino, path, [{ start: 0, end: Number.MAX_SAFE_INTEGER }], false);
    }
  }

  /** The guest has changed something, and the change was sent. */
  onMutation(mutation: Mutation): void {
    switch (mutation.kind) {
      case 'rename':
        this.#onRename(mutation);
        return;
      case 'link':
        this.#directories.add(parentOf(mutation.path));
        return;
      case 'unlink': {
        const item = this.#items.get(mutation.ino);
        if (item?.path === mutation.path) this.#renamed(item);
        return;
      }
      case 'rmdir':
        this.#directories.delete(mutation.path);
        return;
      default:
        return;
    }
  }

  /** A checked file lost the name we knew: another one will do, without any it needs nothing. */
  #renamed(item: Item): void {
    item.path = item.linked ? this.#tree.findInode(item.ino) : null;
  }

  #onRename(mutation: Extract<Mutation, { kind: 'rename' }>): void {
    const { from, to } = mutation;
    const exchange = (mutation.flags & 2) !== 0;
    const moved = (path: string): string | null => {
      if (path === from || path.startsWith(`${from}/`)) return to + path.slice(from.length);
      if (path === to || path.startsWith(`${to}/`)) return exchange ? from + path.slice(to.length) : null;
      return path;
    };
    for (const item of this.#items.values()) {
      if (item.path === null) continue;
      const path = moved(item.path);
      if (path === null) this.#renamed(item);
      else item.path = path;
    }
    for (const path of [...this.#directories]) {
      const next = moved(path);
      if (next === path) continue;
      this.#directories.delete(path);
      if (next !== null) this.#directories.add(next);
    }
    if (this.#bigListing) this.#bigListing.path = moved(this.#bigListing.path) ?? this.#bigListing.path;
    // What was moved from a directory that was not looked at yet into one that was would be missed.
    for (const path of pathsOf(mutation)) {
      this.#directories.add(parentOf(path));
      const stat = this.#tree.stat(path);
      if (stat !== null && (stat.mode & S_IFMT) === S_IFDIR) this.#directories.add(path);
    }
  }

  /** Closes what is open. */
  end(): void {
    for (const item of [...this.#items.values()]) this.#forget(item);
  }
}

function lengthOf(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, range) => sum + range.end - range.start, 0);
}

function clamp(ranges: readonly ByteRange[], size: number): ByteRange[] {
  return ranges
    .filter((range) => range.start < size)
    .map((range) => ({ start: range.start, end: Math.min(range.end, size) }));
}
