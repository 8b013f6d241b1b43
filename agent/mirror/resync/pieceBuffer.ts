import { preadFully } from '../../platform/libc.ts';
import { BLOCK_BYTES } from '../link/protocol.ts';

const BUFFER_BYTES = 1024 * 1024;
export const MOST_PIECES = BUFFER_BYTES / BLOCK_BYTES;

/** What some pieces of an open file held when they were read. Valid until the next ones are. */
export interface BlocksRead {
  readonly offsets: readonly number[];
  /** Those from this one on, so many. */
  readonly from: number;
  readonly count: number;
  /** What the piece `from + index` holds, up to so many bytes. */
  bytesOf(index: number, most: number): Buffer;
}

/** Reads pieces of files of one size into the same memory again and again: a buffer for each takes longer than to read it. */
export class PieceBuffer implements BlocksRead {
  readonly #memory = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  readonly #lengths = new Uint32Array(MOST_PIECES);
  /** The parts of the memory for pieces of the size that is in use. */
  #views: Buffer[] = [];
  #pieceBytes = 0;
  offsets: readonly number[] = [];
  from = 0;
  count = 0;

  /** Reads the pieces from number `from` on, as many as there is room for; at the end of the file they are shorter. */
  read(fd: number, offsets: readonly number[], from: number, pieceBytes: number): void {
    this.#divide(pieceBytes);
    this.offsets = offsets;
    this.from = from;
    this.count = Math.min(offsets.length - from, this.#views.length);
    for (let index = 0; index < this.count;) {
      const start = offsets[from + index] ?? 0;
      let next = index + 1;
      while (next < this.count && offsets[from + next] === start + (next - index) * pieceBytes) next++;
      const run = next === index + 1 ? this.#views[index] : this.#part(index, next);
      for (let left = preadFully(fd, run as Buffer, start); index < next; index++, left -= pieceBytes) {
        this.#lengths[index] = Math.max(0, Math.min(left, pieceBytes));
      }
    }
  }

  #part(from: number, to: number): Buffer {
    return this.#memory.subarray(from * this.#pieceBytes, to * this.#pieceBytes);
  }

  #divide(pieceBytes: number): void {
    if (this.#pieceBytes === pieceBytes) return;
    this.#pieceBytes = pieceBytes;
    const count = Math.floor(BUFFER_BYTES / pieceBytes);
    this.#views = Array.from({ length: count }, (_, index) => this.#part(index, index + 1));
  }

  bytesOf(index: number, most = Infinity): Buffer {
    const view = this.#views[index] as Buffer;
    const length = Math.min(most, this.#lengths[index] ?? 0);
    return length === view.length ? view : view.subarray(0, length);
  }
}
