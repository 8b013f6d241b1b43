import {
  addressOf,
  AsyncIo,
  AT_FDCWD,
  close,
  ErrnoError,
  errnos,
  fstat,
  O_DIRECT,
  O_RDWR,
  openat,
  pwriteFully,
  tryOpenat,
} from '../../platform/libc.ts';
import { BLOCK_BYTES } from '../link/protocol.ts';
import type { ByteRange } from '../replica/zoneSet.ts';
import { keepCapability } from './capability.ts';
import { MOST_PIECES } from './pieceBuffer.ts';

const BUFFER_BYTES = MOST_PIECES * BLOCK_BYTES;
/** Of fewer pieces, or larger ones, the page cache makes as good writes. */
const LEAST_PIECES = 16;
const LARGEST_AVERAGE = 4 * BLOCK_BYTES;

/** What is stored at one place. */
export interface DataPiece {
  readonly offset: number;
  readonly data: Buffer;
}

interface Result {
  readonly number: number;
  /** Bytes, or the negative error number. */
  readonly result: number;
}

/** What direct I/O of this kind ends with where a file system has none. */
const NOT_HERE = new Set([errnos.EINVAL, errnos.EAGAIN, errnos.EOPNOTSUPP]);

/**
 * Stores many small pieces of a file past the page cache, all at once, while the caller goes on. A scattered block costs several times as much
 * there: once to find its page, and again when the disk is waited for at the end of a resync. Nothing else may change the file before
 * {@link settle}, and none of what is being stored may be read.
 */
export class DirectStore {
  #io: AsyncIo | null | undefined;
  /** From an address that direct I/O takes. */
  #memory = Buffer.alloc(0);
  #address = 0n;
  /** What is being stored, and what became of it so far. */
  #under: {
    readonly fd: number;
    readonly ino: number;
    readonly range: ByteRange;
    readonly parts: readonly DataPiece[];
  } | null = null;
  readonly #results: Result[] = [];

  /** Returns false when they are better stored by the caller, or have to be. Waits for what was begun before. @throws ErrnoError */
  begin(fd: number, pieces: readonly DataPiece[]): boolean {
    this.settle();
    let bytes = 0;
    for (const { offset, data } of pieces) {
      if (offset % BLOCK_BYTES !== 0 || data.length % BLOCK_BYTES !== 0 || data.length === 0) return false;
      bytes += data.length;
    }
    if (pieces.length < LEAST_PIECES || bytes > Math.min(BUFFER_BYTES, pieces.length * LARGEST_AVERAGE)) return false;
    const { ino, size } = fstat(fd);
    const end = pieces.reduce((last, { offset, data }) => Math.max(last, offset + data.length), 0);
    // A write that makes a file longer is another thing.
    if (end > size || !this.#open()) return false;
    const direct = tryOpenat(AT_FDCWD, `/proc/self/fd/${fd}`, O_RDWR | O_DIRECT);
    if (direct < 0) return false;
    const start = pieces.reduce((first, { offset }) => Math.min(first, offset), end);
    this.#under = { fd: direct, ino, range: { start, end }, parts: this.#submit(direct, pieces) };
    return true;
  }

  #open(): boolean {
    if (this.#io !== undefined) return this.#io !== null;
    this.#io = AsyncIo.open(MOST_PIECES);
    if (this.#io === null) return false;
    const memory = Buffer.allocUnsafeSlow(BUFFER_BYTES + BLOCK_BYTES);
    const rest = Number(addressOf(memory) % BigInt(BLOCK_BYTES));
    this.#memory = memory.subarray(rest === 0 ? 0 : BLOCK_BYTES - rest);
    this.#address = addressOf(this.#memory);
    return true;
  }

  #submit(direct: number, pieces: readonly DataPiece[]): DataPiece[] {
    let at = 0;
    const parts = pieces.map(({ offset, data }, number) => {
      const copy = this.#memory.subarray(at, at + data.length);
      copy.set(data);
      this.#io?.write(number, direct, this.#address + BigInt(at), data.length, offset);
      at += data.length;
      return { offset, data: copy };
    });
    this.#io?.submit((number, result) => this.#results.push({ number, result }));
    return parts;
  }

  /** Returns when pieces of an open file, of so many bytes each, may be read. @throws ErrnoError what the disk reported */
  settleFor(fd: number, offsets: readonly number[], bytes: number): void {
    if (this.#under === null) return;
    const { ino, range } = this.#under;
    const touched = offsets.some((offset) => offset < range.end && offset + bytes > range.start);
    if (touched && fstat(fd).ino === ino) this.settle();
  }

  /** Returns when everything that was begun is stored. @throws ErrnoError what the disk reported */
  settle(): void {
    const under = this.#under;
    if (under === null) return;
    while ((this.#io?.pending ?? 0) > 0) {
      this.#io?.reap(true, (number, result) => this.#results.push({ number, result }));
    }
    this.#under = null;
    try {
      for (const { number, result } of this.#results.splice(0)) {
        const part = under.parts[number];
        if (part !== undefined && result !== part.data.length) this.#again(under.fd, part, result);
      }
    } finally {
      close(under.fd);
    }
  }

  /** By the page cache what could not be stored, or not all of it, past it. */
  #again(direct: number, { offset, data }: DataPiece, result: number): void {
    if (result < 0 && !NOT_HERE.has(-result)) throw new ErrnoError(-result, 'write');
    const fd = openat(AT_FDCWD, `/proc/self/fd/${direct}`, O_RDWR);
    try {
      keepCapability(fd, () => pwriteFully(fd, data, offset));
    } finally {
      close(fd);
    }
  }

  /** Waits for what was begun; what becomes of it nobody wants to know any more. */
  close(): void {
    this.#io?.close();
    this.#io = undefined;
    this.#memory = Buffer.alloc(0);
    this.#results.length = 0;
    if (this.#under !== null) close(this.#under.fd);
    this.#under = null;
  }
}
