import { close, errnos, ErrnoError, fstat, O_NOATIME, O_NONBLOCK, O_RDONLY } from '../../platform/libc.ts';
import { BLOCK_BYTES, BLOCKS_PER_ZONE, ToFollower, ZONE_BYTES } from '../link/protocol.ts';
import { encodeContent, encodeHashes, HASH_BYTES, type HashAnswer } from '../link/resyncMessages.ts';
import { parentOf } from '../replica/tree.ts';
import { type ByteRange, mergeRanges } from '../replica/zoneSet.ts';
import { DataRuns, isZero, putHash, readPiece } from './content.ts';
import { PieceBuffer } from './pieceBuffer.ts';
import { cutRange, insertRange } from './ranges.ts';
import { movedBy, movesDirectory, type Rename } from './renames.ts';
import { type ResyncContext, sendCounted } from './resyncContext.ts';
import { WaitingLine } from '../waitingLine.ts';

const HASHES_IN_FLIGHT = 8;
const ZONES_PER_MESSAGE = 16;
/** Of many small files, a block or two each, a frame each: as many blocks as few frames of large files are about, and no file open too long. */
const BLOCKS_IN_FLIGHT = HASHES_IN_FLIGHT * ZONES_PER_MESSAGE * BLOCKS_PER_ZONE;
const BLOCK_FRAMES_IN_FLIGHT = 64;
/** Work that waits for its turn: each holds its file open, and a process may open so many only. */
const JOBS_WAITING = 64;
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
  /** Parts in zones that the guest wrote while they waited: looked at behind the others, since it may well write them again. */
  hot: ByteRange[];
  /** It may have other names. */
  linked: boolean;
  /** Open while it is being looked at, else -1. */
  fd: number;
  /** Answers and pieces of content that are still due. */
  open: number;
  changed: boolean;
}

/** Zones or blocks of a file, by where they start. */
interface CompareJob {
  readonly item: Item;
  readonly offsets: readonly number[];
}

/** Compares the content of files by hashes, of zones first and then of blocks, and sends the blocks that differ. */
export class ContentCompare {
  readonly #context: ResyncContext;
  /** Asks for a directory to be listed again, when a file is not where it should be. */
  readonly #look: (directory: string) => void;
  readonly #items = new Map<number, Item>();
  /** The same by where they are: a rename must not have to look through a million of them. */
  readonly #byPath = new Map<string, Item>();
  readonly #waitingItems = new WaitingLine<Item>();
  readonly #zonesInFlight = new Map<number, CompareJob>();
  readonly #blocksInFlight = new Map<number, CompareJob>();
  #blocksUnderWay = 0;
  readonly #blockJobs: CompareJob[] = [];
  readonly #contentJobs: CompareJob[] = [];
  readonly #contentInFlight: { number: number; bytes: number }[] = [];
  readonly #pieceBytes = new Map<CompareJob, number>();
  #contentBytes = 0;
  readonly #read = new PieceBuffer();

  constructor(context: ResyncContext, look: (directory: string) => void) {
    this.#context = context;
    this.#look = look;
  }

  get complete(): boolean {
    return this.#items.size === 0;
  }

  /** Goes on with what the follower has answered. Returns false when there is nothing of that to do now. */
  stepAnswered(): boolean {
    this.#settleContent();
    if (this.#contentBytes < CONTENT_IN_FLIGHT) {
      const job = this.#contentJobs.shift();
      if (job) return this.#sendBlocks(job);
    }
    if (this.#blocksUnderWay < BLOCKS_IN_FLIGHT && this.#blocksInFlight.size < BLOCK_FRAMES_IN_FLIGHT) {
      const job = this.#blockJobs.shift();
      if (job) return this.#sendBlockHashes(job);
    }
    return false;
  }

  /** Looks at the next zones. Returns false when there are none, or enough are on their way. */
  stepZones(): boolean {
    if (this.#zonesInFlight.size >= HASHES_IN_FLIGHT || this.#contentBytes >= CONTENT_IN_FLIGHT) return false;
    if (this.#blockJobs.length + this.#contentJobs.length >= JOBS_WAITING) return false;
    const item = this.#waitingItems.first;
    return item !== undefined && this.#advance(item);
  }

  /** When only content on its way holds the rest up: has the dispatcher woken once there is room. Returns false when there is room by now. */
  waitForRoom(): boolean {
    const oldest = this.#contentInFlight[0];
    if (oldest === undefined || this.#contentBytes < CONTENT_IN_FLIGHT) return true;
    return this.#context.shared.wakeAt(oldest.number);
  }

  /** Queues parts of a file for comparison; parts that are queued already stay so. */
  check(ino: number, path: string, ranges: readonly ByteRange[], fresh: boolean): void {
    const known = this.#items.get(ino);
    // An answer may speak of a name that the file had when the question was sent. What waits here has its present one.
    const place = known?.path ?? path;
    const stat = this.#context.tree.stat(place);
    // Gone or replaced meanwhile: the change itself was sent, and if the file has another name, that is looked at.
    if (stat?.ino !== ino) return;
    if (known && !known.fresh) {
      const before = lengthOf(known.ranges) + lengthOf(known.hot);
      known.ranges = clamp(mergeRanges([...known.ranges, ...known.hot, ...ranges]), stat.size);
      known.hot = [];
      this.#context.ledger.toCheck += Math.max(0, lengthOf(known.ranges) - before);
      this.#place(known, place);
      this.#waitingItems.add(known);
      return;
    }
    if (known) this.#forget(known);
    // What was on its way to a file that was new to the follower is forgotten with it.
    const wanted = clamp(known ? [{ start: 0, end: stat.size }] : ranges, stat.size);
    if (wanted.length === 0) return;
    const item: Item = {
      ino,
      path: null,
      fresh,
      ranges: wanted,
      hot: [],
      linked: stat.nlink > 1,
      fd: -1,
      open: 0,
      changed: fresh,
    };
    this.#context.ledger.toCheck += lengthOf(item.ranges);
    this.#items.set(ino, item);
    this.#place(item, place);
    this.#waitingItems.add(item);
  }

  #place(item: Item, path: string | null): void {
    if (item.path !== null && this.#byPath.get(item.path) === item) this.#byPath.delete(item.path);
    item.path = path;
    if (path !== null) this.#byPath.set(path, item);
  }

  #sizeOf(item: Item): number {
    if (item.fd >= 0) return fstat(item.fd).size;
    return item.path === null ? 0 : (this.#context.tree.stat(item.path)?.size ?? 0);
  }

  /** Opens the file, unless it is not the one any more that was to be looked at. */
  #open(item: Item, path: string): boolean {
    if (item.fd >= 0) return true;
    try {
      item.fd = this.#context.tree.open(path, O_RDONLY | O_NONBLOCK | O_NOATIME);
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
    this.#context.ledger.checked += lengthOf(item.ranges) + lengthOf(item.hot);
    this.#items.delete(item.ino);
    this.#waitingItems.delete(item);
    this.#place(item, null);
    if (item.fd >= 0) close(item.fd);
    item.fd = -1;
  }

  #settle(item: Item): void {
    if (this.#items.get(item.ino) !== item || item.ranges.length > 0 || item.hot.length > 0 || item.open > 0) return;
    if (item.changed && item.path !== null) this.#context.dirtyTimes.add(item.path);
    this.#forget(item);
  }

  /** Looks at the next zones of a file. */
  #advance(item: Item): boolean {
    const path = item.path;
    if (path === null || !this.#open(item, path)) {
      this.#forget(item);
      if (path !== null) this.#look(parentOf(path));
      return true;
    }
    if (item.ranges.length === 0) {
      item.ranges = item.hot;
      item.hot = [];
    }
    const runs = new DataRuns(item.fd);
    const taken = this.#take(item, runs);
    const size = this.#sizeOf(item);
    const parts = clamp(taken, size).map((range) => runs.split(range));
    this.#context.ledger.checked += lengthOf(taken);
    this.#context.ledger.holes += parts.reduce((sum, part) => sum + lengthOf(part.holes), 0);
    const { zones, blocks } = piecesOf(
      parts.flatMap(({ data }) => data),
      item.fresh,
    );
    if (blocks.length > 0) {
      item.open++;
      this.#blockJobs.push({ item, offsets: blocks });
    }
    if (item.fresh) {
      const job: CompareJob = { item, offsets: zones };
      this.#pieceBytes.set(job, ZONE_BYTES);
      if (zones.length > 0) this.#queueContent(job);
    } else {
      const holes = parts.flatMap((part) => part.holes);
      if (zones.length > 0 || holes.length > 0) {
        const found = this.#hash(item.fd, zones, ZONE_BYTES);
        // A hole that ends within a zone is compared with that zone.
        const message = encodeHashes({ file: { ino: item.ino, path }, ...found, holes });
        this.#zonesInFlight.set(this.#context.session.nextNumber, { item, offsets: found.offsets });
        item.open++;
        sendCounted(this.#context, ToFollower.zones, message);
      }
    }
    if (item.ranges.length === 0) {
      this.#waitingItems.delete(item);
      // Behind the other files.
      if (item.hot.length > 0) this.#waitingItems.add(item);
    }
    this.#settle(item);
    return true;
  }

  /** Takes the next ranges of a file off its list, as much as one message may be about. */
  #take(item: Item, runs: DataRuns): ByteRange[] {
    const taken: ByteRange[] = [];
    let blocks = ZONES_PER_MESSAGE * BLOCKS_PER_ZONE;
    let used = 0;
    for (const range of item.ranges) {
      if (blocks <= 0) break;
      // A hole counts as one block however long it is: a sparse file of a tebibyte is looked at in a moment.
      const first = Math.floor(runs.nextData(range) / BLOCK_BYTES);
      const end = Math.min(range.end, (first + blocks) * BLOCK_BYTES);
      taken.push({ start: range.start, end });
      blocks -= Math.max(1, Math.ceil(end / BLOCK_BYTES) - first);
      used++;
    }
    const cut = taken.at(-1);
    const rest = item.ranges[used - 1];
    item.ranges.splice(0, used);
    if (cut && rest && cut.end < rest.end) item.ranges.unshift({ start: cut.end, end: rest.end });
    return taken;
  }

  /** The guest has written a part of a file, and the write was sent: what of that part still waits need not be compared any more. */
  written(ino: number, start: number, end: number): void {
    const item = this.#items.get(ino);
    if (!item || item.fresh || end <= start) return;
    const zoneStart = Math.floor(start / ZONE_BYTES) * ZONE_BYTES;
    const zoneEnd = Math.ceil(end / ZONE_BYTES) * ZONE_BYTES;
    const covered = lengthOf(cutRange(item.ranges, start, end)) + lengthOf(cutRange(item.hot, start, end));
    this.#context.ledger.checked += covered;
    for (const rest of cutRange(item.ranges, zoneStart, zoneEnd)) insertRange(item.hot, rest);
    if (covered > 0 && item.ranges.length === 0 && item.hot.length === 0) {
      item.changed = true;
      this.#waitingItems.delete(item);
      this.#settle(item);
    }
  }

  #queueContent(job: CompareJob): void {
    job.item.open++;
    this.#contentJobs.push(job);
  }

  onZones(answer: HashAnswer): void {
    const job = this.#zonesInFlight.get(answer.number);
    if (!job) return;
    this.#zonesInFlight.delete(answer.number);
    job.item.open--;
    if (answer.absent) this.#absent(job.item);
    else {
      const offsets = job.offsets.filter((_, index) => answer.differing[index] === 1);
      if (offsets.length > 0) {
        job.item.open++;
        this.#blockJobs.push({ item: job.item, offsets: offsets.flatMap(blocksOf) });
      }
    }
    this.#settle(job.item);
  }

  #sendBlockHashes({ item, offsets }: CompareJob): boolean {
    item.open--;
    if (item.path === null) {
      this.#settle(item);
      return true;
    }
    const found = this.#hash(item.fd, offsets, BLOCK_BYTES);
    // The file has become shorter meanwhile.
    if (found.offsets.length === 0) {
      this.#settle(item);
      return true;
    }
    const job: CompareJob = { item, offsets: found.offsets };
    this.#blocksInFlight.set(this.#context.session.nextNumber, job);
    this.#blocksUnderWay += job.offsets.length;
    item.open++;
    sendCounted(
      this.#context,
      ToFollower.blocks,
      encodeHashes({ file: { ino: item.ino, path: item.path }, ...found, holes: [] }),
    );
    return true;
  }

  /** The hashes of pieces of a file; those behind its end are left out. */
  #hash(fd: number, wanted: readonly number[], pieceBytes: number): { offsets: number[]; hashes: Buffer } {
    const read = this.#read;
    const offsets: number[] = [];
    const hashes = Buffer.allocUnsafe(wanted.length * HASH_BYTES);
    for (let from = 0; from < wanted.length; from += read.count) {
      read.read(fd, wanted, from, pieceBytes);
      for (let index = 0; index < read.count; index++) {
        const bytes = read.bytesOf(index);
        if (bytes.length === 0) continue;
        putHash(bytes, hashes, offsets.length * HASH_BYTES);
        offsets.push(wanted[from + index] ?? 0);
      }
    }
    return { offsets, hashes };
  }

  onBlocks(answer: HashAnswer): void {
    const job = this.#blocksInFlight.get(answer.number);
    if (!job) return;
    this.#blocksInFlight.delete(answer.number);
    this.#blocksUnderWay -= job.offsets.length;
    job.item.open--;
    if (answer.absent) this.#absent(job.item);
    else {
      const differing = job.offsets.filter((_, index) => answer.differing[index] === 1);
      for (let at = 0; at < differing.length; at += ZONES_PER_MESSAGE * BLOCKS_PER_ZONE) {
        const next: CompareJob = {
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
    if (path !== null) this.#look(parentOf(path));
  }

  #sendBlocks(job: CompareJob): boolean {
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
        this.#context.ledger.content += pieces.reduce((sum, piece) => sum + piece.length, 0);
        const message = encodeContent({ file: { ino: item.ino, path: item.path }, pieces });
        this.#contentInFlight.push({ number: this.#context.session.nextNumber, bytes: message.length });
        this.#contentBytes += message.length;
        sendCounted(this.#context, ToFollower.content, message);
      }
    }
    this.#settle(item);
    return true;
  }

  #settleContent(): void {
    const acked = this.#context.shared.acked;
    for (let first = this.#contentInFlight[0]; first && first.number <= acked; first = this.#contentInFlight[0]) {
      this.#contentInFlight.shift();
      this.#contentBytes -= first.bytes;
    }
  }

  /** A file has a further name. */
  linked(ino: number): void {
    const item = this.#items.get(ino);
    if (item) item.linked = true;
  }

  /** A name of a file was removed. */
  unlinked(ino: number, path: string): void {
    const item = this.#items.get(ino);
    if (item?.path === path) this.#loseName(item);
  }

  renamed(rename: Rename): void {
    const moved = movedBy(rename);
    const all = movesDirectory(this.#context.tree, rename);
    const items = all ? this.#items.values() : [this.#byPath.get(rename.from), this.#byPath.get(rename.to)];
    const places: { item: Item; path: string | null }[] = [];
    for (const item of items) {
      if (item === undefined || item.path === null) continue;
      const path = moved(item.path);
      if (path !== item.path) places.push({ item, path });
    }
    // In an exchange each leaves its place before the other one takes it.
    for (const { item } of places) this.#place(item, null);
    for (const { item, path } of places) {
      if (path === null || this.#context.excluded(path)) this.#loseName(item);
      else this.#place(item, path);
    }
  }

  /** A checked file lost the name we knew: another one will do, without any it needs nothing. */
  #loseName(item: Item): void {
    this.#place(item, item.linked ? this.#context.tree.findInode(item.ino, this.#context.excluded) : null);
  }

  /** Closes what is open. */
  end(): void {
    for (const item of [...this.#items.values()]) this.#forget(item);
  }
}

function lengthOf(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, range) => sum + range.end - range.start, 0);
}

/** A zone of which more blocks than this are to be compared is compared as a whole first. */
const FEW_BLOCKS = BLOCKS_PER_ZONE / 2;

/** The zones that data lie in; of those with little data, where nothing else need be looked at, the blocks instead. */
function piecesOf(data: readonly ByteRange[], wholeZones: boolean): { zones: number[]; blocks: number[] } {
  const found = new Map<number, Set<number>>();
  for (const range of data) {
    for (let at = Math.floor(range.start / BLOCK_BYTES) * BLOCK_BYTES; at < range.end; at += BLOCK_BYTES) {
      const zone = Math.floor(at / ZONE_BYTES) * ZONE_BYTES;
      const blocks = found.get(zone);
      if (blocks) blocks.add(at);
      else found.set(zone, new Set([at]));
    }
  }
  const zones: number[] = [];
  const blocks: number[] = [];
  for (const [zone, own] of found) {
    if (wholeZones || own.size > FEW_BLOCKS) zones.push(zone);
    else blocks.push(...own);
  }
  return { zones, blocks };
}

/** The blocks of a zone. */
function blocksOf(zone: number): number[] {
  return Array.from({ length: BLOCKS_PER_ZONE }, (_, index) => zone + index * BLOCK_BYTES);
}

function clamp(ranges: readonly ByteRange[], size: number): ByteRange[] {
  return ranges
    .filter((range) => range.start < size)
    .map((range) => ({ start: range.start, end: Math.min(range.end, size) }));
}
