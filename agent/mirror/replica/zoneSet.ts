import { BLOCK_BYTES, BLOCKS_PER_ZONE, ZONE_BYTES } from '../link/protocol.ts';

/** Zones of one persisted extent (1 MiB). */
const ZONES_PER_EXTENT = 16;
export const EXTENT_BYTES = ZONES_PER_EXTENT * ZONE_BYTES;
const EXTENTS_PER_CHUNK = 64;

/** A range of bytes, `end` exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Every block of a zone. */
const ALL_BLOCKS = (1 << BLOCKS_PER_ZONE) - 1;
const ZONES_PER_CHUNK = EXTENTS_PER_CHUNK * ZONES_PER_EXTENT;

/**
 * Which parts of one file are marked: a bit a block of 4 KiB, in chunks of 64 MiB of the file. What is persisted is coarser; so after a crash
 * of this host whole extents are marked, and otherwise a resync looks at the blocks that were written and at no others.
 */
export class ZoneSet {
  /** The file as a whole is marked, whatever its size becomes. */
  whole = false;
  /** The bits of each zone's blocks. */
  readonly #chunks = new Map<number, Uint16Array>();

  #chunk(index: number): Uint16Array {
    let chunk = this.#chunks.get(index);
    if (!chunk) this.#chunks.set(index, (chunk = new Uint16Array(ZONES_PER_CHUNK)));
    return chunk;
  }

  /** Whether anything of an extent is marked. */
  hasExtent(index: number): boolean {
    const chunk = this.#chunks.get(Math.floor(index / EXTENTS_PER_CHUNK));
    if (!chunk) return false;
    const first = (index % EXTENTS_PER_CHUNK) * ZONES_PER_EXTENT;
    for (let zone = first; zone < first + ZONES_PER_EXTENT; zone++) if (chunk[zone] !== 0) return true;
    return false;
  }

  /** Marks the blocks that a range of bytes touches, `end` exclusive. */
  add(start: number, end: number): void {
    const last = Math.ceil(end / BLOCK_BYTES);
    for (let block = Math.floor(start / BLOCK_BYTES); block < last;) {
      const zone = Math.floor(block / BLOCKS_PER_ZONE);
      const from = block - zone * BLOCKS_PER_ZONE;
      const to = Math.min(BLOCKS_PER_ZONE, last - zone * BLOCKS_PER_ZONE);
      const chunk = this.#chunk(Math.floor(zone / ZONES_PER_CHUNK));
      chunk[zone % ZONES_PER_CHUNK]! |= ((1 << to) - 1) & ~((1 << from) - 1);
      block = zone * BLOCKS_PER_ZONE + to;
    }
  }

  /** Marks an extent as a whole. */
  addExtent(index: number): void {
    const first = (index % EXTENTS_PER_CHUNK) * ZONES_PER_EXTENT;
    this.#chunk(Math.floor(index / EXTENTS_PER_CHUNK)).fill(ALL_BLOCKS, first, first + ZONES_PER_EXTENT);
  }

  addAll(other: ZoneSet): void {
    this.whole ||= other.whole;
    for (const [index, chunk] of other.#chunks) {
      const own = this.#chunk(index);
      chunk.forEach((bits, zone) => (own[zone]! |= bits));
    }
  }

  /** Bytes in marked blocks. */
  get bytes(): number {
    let blocks = 0;
    for (const chunk of this.#chunks.values()) for (const bits of chunk) blocks += bitCount(bits);
    return blocks * BLOCK_BYTES;
  }

  #chunksInOrder(): [number, Uint16Array][] {
    return [...this.#chunks].sort(([a], [b]) => a - b);
  }

  /** The extents of which anything is marked, in order. */
  extents(): number[] {
    const found: number[] = [];
    for (const [index, chunk] of this.#chunksInOrder()) {
      chunk.forEach((bits, zone) => {
        const extent = index * EXTENTS_PER_CHUNK + Math.floor(zone / ZONES_PER_EXTENT);
        if (bits !== 0 && found.at(-1) !== extent) found.push(extent);
      });
    }
    return found;
  }

  /** The marked blocks as ranges in order; the part below `size` only. */
  ranges(size: number): ByteRange[] {
    if (this.whole) return size > 0 ? [{ start: 0, end: size }] : [];
    const ranges: { start: number; end: number }[] = [];
    for (const [index, chunk] of this.#chunksInOrder()) {
      chunk.forEach((bits, zone) => {
        const base = (index * ZONES_PER_CHUNK + zone) * ZONE_BYTES;
        for (let block = 0; bits >> block !== 0; block++) {
          const start = base + block * BLOCK_BYTES;
          if ((bits & (1 << block)) === 0 || start >= size) continue;
          const end = Math.min(start + BLOCK_BYTES, size);
          const last = ranges.at(-1);
          if (last && last.end === start) last.end = end;
          else ranges.push({ start, end });
        }
      });
    }
    return ranges;
  }
}

/** The extents that a byte range touches. */
export function* extentsOf(start: number, end: number): Generator<number> {
  for (let index = Math.floor(start / EXTENT_BYTES); index * EXTENT_BYTES < end; index++) yield index;
}

/** Both unions of ranges in order, as one. */
export function mergeRanges(ranges: readonly ByteRange[]): ByteRange[] {
  const merged: { start: number; end: number }[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && range.start <= last.end) last.end = Math.max(last.end, range.end);
    else merged.push({ ...range });
  }
  return merged;
}

function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}
