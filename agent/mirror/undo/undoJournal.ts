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
import { copyContent, DataRuns, readPiece, withFile } from '../resync/content.ts';
import { joinPath, type ReplicaTree } from '../replica/tree.ts';
import type { ByteRange } from '../replica/zoneSet.ts';
import { BlockSet } from './blockSet.ts';
import { RecordFile } from './recordFile.ts';
import {
  decodeImage,
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
  /** Bytes that may be kept; null: a quarter of what is free where the state lies. */
  readonly limit: number | null;
  /** Called now and then in long work. */
  readonly onStep: () => void;
  /** Returns when the data of the file, or all of its file system, are durable. */
  readonly makeDurable: (fd: number, what: 'syncData' | 'syncFileSystem') => void;
}

/** More would have to be kept than may be. The message is for people. */
export class UndoLimit extends Error {
  override readonly name = 'UndoLimit';
}

/**
 * Keeps what a resync is about to change, so that the replica can become again what it was. Names and attributes are described once, before
 * the first change; afterwards only content costs something: blocks before they are first overwritten, files before they lose their last name.
 * After `settle` everything that was given to it is on the disk, and the change may be made.
 */
export class UndoJournal {
  readonly #undo: string;
  readonly #tree: ReplicaTree;
  readonly #limit: number;
  readonly #onStep: () => void;
  readonly #makeDurable: JournalOptions['makeDurable'];
  readonly #images: RecordFile;
  readonly #filesFd: number;
  /** Size of each regular file that was there, by inode number. */
  readonly #sizes: Map<number, number>;
  readonly #blocks = new Map<number, BlockSet>();
  readonly #whole = new Set<number>();
  #fileBytes = 0;
  #imagesDirty = false;
  /** Copied, but not durably yet. */
  readonly #newCopies: number[] = [];

  private constructor(parts: {
    undo: string;
    tree: ReplicaTree;
    limit: number;
    onStep: () => void;
    makeDurable: JournalOptions['makeDurable'];
    sizes: Map<number, number>;
    images: RecordFile;
  }) {
    this.#undo = parts.undo;
    this.#tree = parts.tree;
    this.#limit = parts.limit;
    this.#onStep = parts.onStep;
    this.#makeDurable = parts.makeDurable;
    this.#sizes = parts.sizes;
    this.#images = parts.images;
    this.#filesFd = fs.openSync(filesDirectory(parts.undo), 'r');
  }

  /** Describes the replica as it is, which is made durable before. @throws UndoLimit */
  static begin({ stateDirectory, tree, limit, onStep, makeDurable }: JournalOptions): UndoJournal {
    const undo = undoDirectory(stateDirectory);
    dropUndo(stateDirectory);
    makeDirectoryDurably(filesDirectory(undo));
    makeDurable(tree.rootFd, 'syncFileSystem');
    const bytes = limit ?? quarterOfFree(undo);
    const sizes = new Map<number, number>();
    const description = RecordFile.create(`${treeFile(undo)}.partial`);
    try {
      description.append(encodeHeader());
      let files = 0;
      for (const path of pathsBelow(tree, '')) {
        onStep();
        if (++files > MOST_FILES) throw new UndoLimit(`it holds more than ${MOST_FILES} files`);
        const entry = tree.entry(path);
        if (entry === null) continue;
        if ((entry.mode & S_IFMT) === S_IFREG) sizes.set(entry.ino, entry.size);
        description.append(encodeDescribed(path, entry));
        if (description.bytes > bytes) throw limitReached(bytes);
      }
      description.append(encodeEnd());
      description.sync();
    } finally {
      description.close();
    }
    const images = RecordFile.create(imagesFile(undo));
    images.sync();
    const journal = new UndoJournal({ undo, tree, limit: bytes, onStep, makeDurable, sizes, images });
    journal.#fileBytes = fs.statSync(`${treeFile(undo)}.partial`).size;
    syncDirectory(undo);
    fs.renameSync(`${treeFile(undo)}.partial`, treeFile(undo));
    syncDirectory(undo);
    return journal;
  }

  /** Goes on with what was kept since the last consistent state; null when there is nothing to go on with. */
  static resume({ stateDirectory, tree, limit, onStep, makeDurable }: JournalOptions): UndoJournal | null {
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
    const journal = new UndoJournal({
      undo,
      tree,
      limit: limit ?? quarterOfFree(undo),
      onStep,
      makeDurable,
      sizes,
      images: file,
    });
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
    if (this.#images.bytes + this.#fileBytes > this.#limit) throw limitReached(this.#limit);
  }

  /** Ranges of an open file are about to be overwritten, punched or cut off. @throws UndoLimit, ErrnoError */
  content(fd: number, ranges: readonly ByteRange[]): void {
    const { ino } = fstat(fd);
    const size = this.#sizes.get(ino);
    if (size === undefined) return;
    const blocks = this.#blocksOf(ino);
    const runs = new DataRuns(fd);
    for (const { start, end } of ranges) {
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
      const bytes = readPiece(fd, start, end - start);
      this.#images.append(encodeImage({ kind: 'data', ino, offset: start, data: bytes }));
    }
    this.#imagesDirty = true;
    this.#check();
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
          if (bytes > this.#limit) throw limitReached(this.#limit);
          this.#onStep();
        }),
      );
    });
  }

  /** What was kept is durable when this returns. */
  settle(): void {
    if (this.#newCopies.length > 0) {
      // Copies before the records that say that they are complete.
      this.#makeDurable(this.#filesFd, 'syncFileSystem');
      for (const ino of this.#newCopies.splice(0)) this.#images.append(encodeImage({ kind: 'copy', ino }));
      this.#imagesDirty = true;
    }
    if (this.#imagesDirty) this.#makeDurable(this.#images.flushed(), 'syncData');
    this.#imagesDirty = false;
  }

  close(): void {
    this.#images.close();
    close(this.#filesFd);
  }
}

const nextPiece = (at: number): number => (Math.floor(at / PIECE_BYTES) + 1) * PIECE_BYTES;

const limitReached = (limit: number): UndoLimit =>
  new UndoLimit(`more than ${(limit / (1 << 20)).toFixed(1)} MiB of it would change`);

function quarterOfFree(directory: string): number {
  const { bavail, bsize } = fs.statfsSync(directory);
  return Math.floor((bavail * bsize) / 4);
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
