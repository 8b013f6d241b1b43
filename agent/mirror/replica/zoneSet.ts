import { ZONE_BYTES } from '../link/protocol.ts';

/** Zones of one persisted extent (1 MiB). */
export const ZONES_PER_EXTENT = 16;
export const EXTENT_BYTES = ZONES_PER_EXTENT * ZONE_BYTES;
const EXTENTS_PER_CHUNK = 64;

/** A range of bytes, `end` exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Which zones of one file are marked: a bit a zone, in chunks of 64 MiB of the file. */
export class ZoneSet {
  /** The file as a whole is marked, whatever its size becomes. */
  whole = false;
  readonly #chunks = new Map<number, Uint16Array>();

  /** The bits of an extent's zones; 0 when none is marked. */
  extent(index: number): number {
    return this.#chunks.get(Math.floor(index / EXTENTS_PER_CHUNK))?.[index % EXTENTS_PER_CHUNK] ?? 0;
  }

  /** Adds zones of an extent; returns how many of them are new. */
  add(index: number, bits: number): number {
    const chunkIndex = Math.floor(index / EXTENTS_PER_CHUNK);
    let chunk = this.#chunks.get(chunkIndex);
    if (!chunk) this.#chunks.set(chunkIndex, (chunk = new Uint16Array(EXTENTS_PER_CHUNK)));
    const at = index % EXTENTS_PER_CHUNK;
    const before = chunk[at] ?? 0;
    chunk[at] = before | bits;
    return bitCount(bits & ~before);
  }

  addAll(other: ZoneSet): void {
    this.whole ||= other.whole;
    for (const [chunkIndex, chunk] of other.#chunks) {
      for (let at = 0; at < EXTENTS_PER_CHUNK; at++) {
        const bits = chunk[at] ?? 0;
        if (bits !== 0) this.add(chunkIndex * EXTENTS_PER_CHUNK + at, bits);
      }
    }
  }

  /** Bytes in marked zones. */
  get bytes(): number {
    let zones = 0;
    for (const chunk of this.#chunks.values()) for (const bits of chunk) zones += bitCount(bits);
    return zones * ZONE_BYTES;
  }

  /** Marked extents in order, with their bits. */
  extents(): { index: number; bits: number }[] {
    const found: { index: number; bits: number }[] = [];
    for (const [chunkIndex, chunk] of this.#chunks) {
      chunk.forEach((bits, at) => {
        if (bits !== 0) found.push({ index: chunkIndex * EXTENTS_PER_CHUNK + at, bits });
      });
    }
    return found.sort((a, b) => a.index - b.index);
  }

  /** The marked zones as ranges in order; the part below `size` only. */
  ranges(size: number): ByteRange[] {
    if (this.whole) return size > 0 ? [{ start: 0, end: size }] : [];
    const ranges: { start: number; end: number }[] = [];
    for (const { index, bits } of this.extents()) {
      for (let zone = 0; zone < ZONES_PER_EXTENT; zone++) {
        if ((bits & (1 << zone)) === 0) continue;
        const start = index * EXTENT_BYTES + zone * ZONE_BYTES;
        const end = Math.min(start + ZONE_BYTES, size);
        if (start >= size) break;
        const last = ranges.at(-1);
        if (last && last.end === start) last.end = end;
        else ranges.push({ start, end });
      }
    }
    return ranges;
  }
}

/** The extents that a byte range touches, each with the bits of its zones. */
export function* extentsOf(start: number, end: number): Generator<{ index: number; bits: number }> {
  for (let index = Math.floor(start / EXTENT_BYTES); index * EXTENT_BYTES < end; index++) {
    const base = index * EXTENT_BYTES;
    const first = Math.max(0, Math.floor((start - base) / ZONE_BYTES));
    const last = Math.min(
      ZONES_PER_EXTENT - 1,
      Math.floor((Math.min(end, base + EXTENT_BYTES) - 1 - base) / ZONE_BYTES),
    );
    yield { index, bits: ((2 << last) - 1) & ~((1 << first) - 1) };
  }
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
