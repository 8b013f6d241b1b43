import type { ByteRange } from '../replica/zoneSet.ts';

/** Where the first range lies that ends behind `at`; the ranges are in order and do not overlap. */
function firstBehind(ranges: readonly ByteRange[], at: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle]?.end ?? 0) > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Takes a part out of ranges that are in order and do not overlap. Returns what of it was there. */
export function cutRange(ranges: ByteRange[], start: number, end: number): ByteRange[] {
  if (end <= start) return [];
  const first = firstBehind(ranges, start);
  const removed: ByteRange[] = [];
  const kept: ByteRange[] = [];
  let last = first;
  for (let range = ranges[last]; range && range.start < end; range = ranges[++last]) {
    removed.push({ start: Math.max(range.start, start), end: Math.min(range.end, end) });
    if (range.start < start) kept.push({ start: range.start, end: start });
    if (range.end > end) kept.push({ start: end, end: range.end });
  }
  if (last > first) ranges.splice(first, last - first, ...kept);
  return removed;
}

/** Puts a range, of which nothing is there yet, to its place. */
export function insertRange(ranges: ByteRange[], range: ByteRange): void {
  ranges.splice(firstBehind(ranges, range.start), 0, range);
}
