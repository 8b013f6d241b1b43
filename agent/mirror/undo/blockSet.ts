import { BLOCK_BYTES } from '../link/protocol.ts';
import type { ByteRange } from '../replica/zoneSet.ts';

const BLOCKS_PER_CHUNK = 32 * 1024;

/** Which blocks of one file are kept: a bit a block, in chunks of 128 MiB of the file. */
export class BlockSet {
  readonly #chunks = new Map<number, Uint8Array>();

  /** Adds the blocks that a range of bytes touches. Returns those that are new, as ranges of bytes in order. */
  add(start: number, end: number): ByteRange[] {
    const added: { start: number; end: number }[] = [];
    for (let block = Math.floor(start / BLOCK_BYTES); block * BLOCK_BYTES < end; block++) {
      if (!this.#set(block)) continue;
      const at = block * BLOCK_BYTES;
      const last = added.at(-1);
      if (last?.end === at) last.end = at + BLOCK_BYTES;
      else added.push({ start: at, end: at + BLOCK_BYTES });
    }
    return added;
  }

  /** Whether all blocks that a range of bytes touches are there. */
  covers(start: number, end: number): boolean {
    for (let block = Math.floor(start / BLOCK_BYTES); block * BLOCK_BYTES < end; block++) {
      const chunk = this.#chunks.get(Math.floor(block / BLOCKS_PER_CHUNK));
      if (((chunk?.[(block % BLOCKS_PER_CHUNK) >> 3] ?? 0) & (1 << (block & 7))) === 0) return false;
    }
    return true;
  }

  /** Adds the block that begins at an offset. Returns whether it is new. */
  addBlock(offset: number): boolean {
    return this.#set(Math.floor(offset / BLOCK_BYTES));
  }

  #set(block: number): boolean {
    const index = Math.floor(block / BLOCKS_PER_CHUNK);
    let chunk = this.#chunks.get(index);
    if (!chunk) this.#chunks.set(index, (chunk = new Uint8Array(BLOCKS_PER_CHUNK / 8)));
    const byte = (block % BLOCKS_PER_CHUNK) >> 3;
    const bit = 1 << (block & 7);
    const before = chunk[byte] ?? 0;
    chunk[byte] = before | bit;
    return (before & bit) === 0;
  }
}
