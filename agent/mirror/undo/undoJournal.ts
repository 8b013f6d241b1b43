import fs from 'node:fs';
import { join } from 'node:path';
import {
  AT_FDCWD,
  close,
  ErrnoError,
  errnos,
  fstat,
  linkat,
  O_CREAT,
  O_EXCL,
  O_NOATIME,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  openat,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  toByteString,
} from '../../platform/libc.ts';
import { makeDirectoryDurably, removeDurably, syncDirectory } from '../../platform/durable.ts';
import { copyContent, DataRuns, isZero, readPiece, withFile } from '../resync/content.ts';
import { BLOCK_BYTES } from '../link/protocol.ts';
import type { BlocksRead } from '../resync/pieceBuffer.ts';
import { ByteWriter } from '../link/bytes.ts';
import { rootOf } from '../replica/roots.ts';
import { joinPath, type ReplicaTree } from '../replica/tree.ts';
import type { ByteRange } from '../replica/zoneSet.ts';
import { BlockSet } from './blockSet.ts';
import { type BeginDurable, ImageFile } from './imageFile.ts';
import { RecordFile } from './recordFile.ts';
import {
  decodeImage,
  encodeDataHeader,
  encodeDescribed,
  encodeEnd,
  encodeHeader,
  encodeImage,
  filesDirectory,
  type Image,
  imagesFile,
  linkedFiles,
  readDescription,
  treeFile,
  undoDirectory,
} from './undoFormat.ts';

const PIECE_BYTES = 1024 * 1024;
/** A description of more files takes too long while the primary waits. */
const MOST_FILES = 200_000;

export interface JournalOptions {
  readonly stateDirectory: string;
  readonly tree: ReplicaTree;
  /** Bytes that may be kept now; null: a quarter of what was free, where the state lies, when this journal was opened. */
  readonly limit: () => number | null;
  /** Called now and then in long work. */
  readonly onStep: () => void;
  /** Returns when all of the file system that the file is on is durable. */
  readonly makeDurable: (fd: number) => void;
  readonly beginDurable: BeginDurable;
}

/** What was kept of a file before anybody had to wait for it. */
interface Ahead {
  readonly ino: number;
  /** Everything lies between these. */
  readonly start: number;
  readonly end: number;
  /** Where it ends among the images. */
  readonly upTo: number;
}

/** More would have to be kept than may be. The message is for people. */
export class UndoLimit extends Error {
  override readonly name = 'UndoLimit';
}

/**
 * Keeps what a resync is about to change, so that the replica can become again what it was. Names and attributes are described once, before
 * the first change; afterwards only content costs something: blocks before they are first overwritten, files before they lose their last name.
 * After `settle` everything that is about to change is on the disk, and the change may be made. What will probably change soon can be given to it
 * `ahead`: it is on its way to the disk then while the change is still on its way from the primary.
 */
export class UndoJournal {
  readonly #undo: string;
  readonly #tree: ReplicaTree;
  readonly #limitNow: () => number;
  readonly #onStep: () => void;
  readonly #makeDurable: JournalOptions['makeDurable'];
  readonly #images: ImageFile;
  readonly #filesFd: number;
  /** Size of each regular file that was there, by inode number. */
  readonly #sizes: Map<number, number>;
  readonly #blocks = new Map<number, BlockSet>();
  readonly #whole = new Set<number>();
  #fileBytes = 0;
  readonly #header = new ByteWriter();
  /** In the order of the images; those that are durable are left out. */
  #ahead: Ahead[] = [];
  /** Up to where the images have to be durable before the change that was announced may be made. */
  #needed = 0;
  /** Copied, but not durably yet. */
  readonly #newCopies: number[] = [];

  private constructor(parts: {
    undo: string;
    tree: ReplicaTree;
    limit: () => number;
    onStep: () => void;
    makeDurable: JournalOptions['makeDurable'];
    beginDurable: BeginDurable;
    sizes: Map<number, number>;
    images: RecordFile;
  }) {
    this.#undo = parts.undo;
    this.#tree = parts.tree;
    this.#limitNow = parts.limit;
    this.#onStep = parts.onStep;
    this.#makeDurable = parts.makeDurable;
    this.#sizes = parts.sizes;
    this.#images = new ImageFile(parts.images, parts.beginDurable, parts.onStep);
    this.#filesFd = fs.openSync(filesDirectory(parts.undo), 'r');
  }

  /** Describes the replica as it is, which is made durable before. @throws UndoLimit */
  static begin({ stateDirectory, tree, limit, onStep, makeDurable, beginDurable }: JournalOptions): UndoJournal {
    const undo = undoDirectory(stateDirectory);
    dropUndo(stateDirectory);
    makeDirectoryDurably(filesDirectory(undo));
    makeDurable(tree.rootFd);
    const limitNow = limitIn(undo, limit);
    const sizes = new Map<number, number>();
    const description = RecordFile.create(`${treeFile(undo)}.partial`);
    try {
      description.append(encodeHeader());
      let files = 0;
      const rootOfFile = new Map<number, string>();
      for (const path of pathsBelow(tree, '')) {
        onStep();
        if (++files > MOST_FILES) throw new UndoLimit(`it holds more than ${MOST_FILES} files`);
        const entry = tree.entry(path);
        if (entry === null) continue;
        if ((entry.mode & S_IFMT) === S_IFREG) {
          sizes.set(entry.ino, entry.size);
          const root = rootOf(tree.roots, path);
          const before = rootOfFile.get(entry.ino);
          // No link that is taken away could be made again.
          if (before !== undefined && before !== root) {
            throw new UndoLimit('a file has names in two of its directories');
          }
          if (entry.nlink > 1) rootOfFile.set(entry.ino, root);
        }
        description.append(encodeDescribed(path, entry));
        checkLimit(description.bytes, limitNow());
      }
      description.append(encodeEnd());
      description.sync();
    } finally {
      description.close();
    }
    const images = RecordFile.create(imagesFile(undo));
    images.sync();
    const parts = { undo, tree, limit: limitNow, onStep, makeDurable, beginDurable, sizes, images };
    const journal = new UndoJournal(parts);
    journal.#fileBytes = fs.statSync(`${treeFile(undo)}.partial`).size;
    syncDirectory(undo);
    fs.renameSync(`${treeFile(undo)}.partial`, treeFile(undo));
    syncDirectory(undo);
    return journal;
  }

  /** Goes on with what was kept since the last consistent state; null when there is nothing to go on with. */
  static resume(options: JournalOptions): UndoJournal | null {
    const { stateDirectory, tree, limit } = options;
    const undo = undoDirectory(stateDirectory);
    if (!fs.existsSync(treeFile(undo))) return null;
    const described = readDescription(undo);
    if (described === null) return null;
    const sizes = new Map<number, number>();
    for (const { entry } of described) if ((entry.mode & S_IFMT) === S_IFREG) sizes.set(entry.ino, entry.size);
    const images: Image[] = [];
    const file = RecordFile.reopen(imagesFile(undo), (payload) => {
      const image = decodeImage(payload);
      // Only where it lies is needed.
      if (image.kind !== 'data') images.push(image);
      else {
        const { ino, offset, data } = image;
        images.push({ kind: 'hole', ino, start: offset, end: offset + data.length });
      }
    });
    const journal = new UndoJournal({ ...options, undo, limit: limitIn(undo, limit), sizes, images: file });
    for (const image of images) {
      if (image.kind === 'hole') journal.#blocksOf(image.ino).add(image.start, image.end);
      else journal.#noteKept(image.ino, true);
    }
    for (const ino of linkedFiles(undo, tree.rootFd)) journal.#noteKept(ino, false);
    return journal;
  }

  #noteKept(ino: number, copied: boolean): void {
    this.#whole.add(ino);
    this.#fileBytes += fs.statSync(join(filesDirectory(this.#undo), String(ino))).blocks * 512;
    // The number of a copied file may be another file's soon, and the copy holds all that it was.
    if (copied) this.#sizes.delete(ino);
  }

  #blocksOf(ino: number): BlockSet {
    let set = this.#blocks.get(ino);
    if (!set) this.#blocks.set(ino, (set = new BlockSet()));
    return set;
  }

  #check(): void {
    checkLimit(this.#images.bytes + this.#fileBytes, this.#limitNow());
  }

  /** Ranges of an open file are about to be overwritten, punched or cut off. @throws UndoLimit, ErrnoError */
  content(fd: number, ranges: readonly ByteRange[]): void {
    const { ino } = fstat(fd);
    const size = this.#sizes.get(ino);
    if (size === undefined) return;
    const blocks = this.#blocksOf(ino);
    const runs = new DataRuns(fd);
    for (const range of ranges) this.#need(ino, range);
    for (const { start, end } of ranges) {
      if (blocks.covers(start, Math.min(end, size))) continue;
      for (let at = start; at < Math.min(end, size); at = nextPiece(at)) {
        const upTo = Math.min(end, size, nextPiece(at));
        for (const range of blocks.add(at, upTo)) {
          this.#keepRange(ino, fd, runs.split({ start: range.start, end: Math.min(range.end, size) }));
        }
        this.#onStep();
      }
    }
  }

  #keepRange(ino: number, fd: number, { data, holes }: ReturnType<DataRuns['split']>): void {
    for (const { start, end } of holes) this.#images.append(encodeImage({ kind: 'hole', ino, start, end }));
    for (const { start, end } of data) {
      this.#append(ino, start, readPiece(fd, start, end - start));
    }
    this.#needed = this.#images.bytes;
    this.#check();
  }

  #append(ino: number, offset: number, data: Uint8Array): void {
    this.#images.append(encodeDataHeader(this.#header, ino, offset, data.length), data);
  }

  /** What was kept of a range ahead has to be durable, too. */
  #need(ino: number, { start, end }: ByteRange): void {
    for (const ahead of this.#ahead) {
      if (ahead.ino !== ino || ahead.start >= end || ahead.end <= start) continue;
      this.#needed = Math.max(this.#needed, ahead.upTo);
    }
  }

  /** Blocks of an open file will probably be overwritten soon, with what the primary has there. @throws UndoLimit, ErrnoError */
  ahead(fd: number, read: BlocksRead, differing: Uint8Array): void {
    const { ino } = fstat(fd);
    const size = this.#sizes.get(ino);
    if (size === undefined) return;
    const blocks = this.#blocksOf(ino);
    let start = Infinity;
    let end = 0;
    for (let index = 0; index < read.count; index++) {
      const offset = read.offsets[read.from + index] ?? 0;
      if (differing[read.from + index] !== 1 || offset >= size || offset % BLOCK_BYTES !== 0) continue;
      const data = read.bytesOf(index, size - offset);
      // Zeros may be a hole, which has to become one again: when it is overwritten that is looked at.
      if (data.length === 0 || isZero(data) || !blocks.addBlock(offset)) continue;
      this.#append(ino, offset, data);
      start = Math.min(start, offset);
      end = Math.max(end, offset + data.length);
    }
    if (end === 0) return;
    this.#ahead.push({ ino, start, end, upTo: this.#images.bytes });
    this.#check();
    this.#images.begin();
  }

  /** Whatever is at a path is about to go, with everything below it. @throws UndoLimit, ErrnoError */
  removal(path: string): void {
    const stat = this.#tree.stat(path);
    if (stat === null) return;
    if ((stat.mode & S_IFMT) === S_IFREG) this.#keepFile(path, stat.ino);
    else if ((stat.mode & S_IFMT) === S_IFDIR) {
      for (const name of this.#tree.names(path)) this.removal(joinPath(path, name));
    }
    this.#onStep();
  }

  /** Keeps a file that may lose its last name: under another name where the file system is the same, else as a copy. */
  #keepFile(path: string, ino: number): void {
    if (this.#whole.has(ino) || !this.#sizes.has(ino)) return;
    const kept = join(filesDirectory(this.#undo), String(ino));
    fs.rmSync(kept, { force: true });
    const { dirFd, name } = this.#tree.locate(path);
    let copied = false;
    try {
      linkat(dirFd, name, AT_FDCWD, toByteString(kept));
    } catch (error) {
      const cannot: readonly number[] = [errnos.EXDEV, errnos.EPERM, errnos.EMLINK];
      if (!(error instanceof ErrnoError) || !cannot.includes(error.errno)) throw error;
      this.#copy(path, kept);
      this.#newCopies.push(ino);
      copied = true;
    }
    this.#noteKept(ino, copied);
    this.#check();
  }

  #copy(path: string, kept: string): void {
    withFile(this.#tree.open(path, O_RDONLY | O_NONBLOCK | O_NOATIME), (from) => {
      let bytes = this.#fileBytes + this.#images.bytes;
      withFile(openat(AT_FDCWD, toByteString(kept), O_CREAT | O_EXCL | O_RDWR, 0o600), (to) =>
        copyContent(from, to, (piece) => {
          bytes += piece;
          checkLimit(bytes, this.#limitNow());
          this.#onStep();
        }),
      );
    });
  }

  /** What was kept of that which is about to change is durable when this returns. */
  settle(): void {
    if (this.#newCopies.length > 0) {
      // Copies before the records that say that they are complete.
      this.#makeDurable(this.#filesFd);
      for (const ino of this.#newCopies.splice(0)) this.#images.append(encodeImage({ kind: 'copy', ino }));
      this.#needed = this.#images.bytes;
    }
    this.#images.settle(this.#needed);
    this.#ahead = this.#ahead.filter(({ upTo }) => upTo > this.#images.durable);
  }

  close(): void {
    this.#images.close();
    close(this.#filesFd);
  }
}

const nextPiece = (at: number): number => (Math.floor(at / PIECE_BYTES) + 1) * PIECE_BYTES;

function checkLimit(bytes: number, limit: number): void {
  if (bytes <= limit) return;
  const tooMuch = `more than ${(limit / (1 << 20)).toFixed(1)} MiB of it would change`;
  throw new UndoLimit(limit === 0 ? "the module's file says so now" : tooMuch);
}

/** @param directory where what is kept lies */
function limitIn(directory: string, limit: JournalOptions['limit']): () => number {
  const { bavail, bsize } = fs.statfsSync(directory);
  const quarter = Math.floor((bavail * bsize) / 4);
  return () => limit() ?? quarter;
}

/** Every path below a directory, and itself, parents first. */
export function* pathsBelow(tree: ReplicaTree, path: string): Generator<string> {
  yield path;
  const stat = tree.stat(path);
  if (stat === null || (stat.mode & S_IFMT) !== S_IFDIR) return;
  for (const name of tree.names(path)) yield* pathsBelow(tree, joinPath(path, name));
}

/** Drops what is kept, if anything. However far this comes, what is left is not taken for something whole. */
export function dropUndo(stateDirectory: string): void {
  const undo = undoDirectory(stateDirectory);
  if (!fs.existsSync(undo)) return;
  removeDurably(treeFile(undo));
  fs.rmSync(undo, { recursive: true, force: true });
}
