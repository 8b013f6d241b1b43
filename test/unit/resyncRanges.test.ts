import { expect, test } from 'vitest';
import type { ByteRange } from '../../agent/mirror/replica/zoneSet.ts';
import { cutRange, insertRange } from '../../agent/mirror/resync/ranges.ts';
import { Random } from '../simulation/random.ts';

const SIZE = 64;

function bytesOf(ranges: readonly ByteRange[]): boolean[] {
  const bytes = new Array<boolean>(SIZE).fill(false);
  let before = 0;
  for (const { start, end } of ranges) {
    expect(start).toBeGreaterThanOrEqual(before);
    expect(end).toBeGreaterThan(start);
    bytes.fill(true, start, end);
    before = end;
  }
  return bytes;
}

test.each([1, 2, 3, 4])('ranges are cut and put back byte by byte (seed %i)', (seed) => {
  const random = new Random(seed);
  const ranges: ByteRange[] = [{ start: 0, end: SIZE }];
  const aside: ByteRange[] = [];
  for (let each = 0; each < 500; each++) {
    const before = bytesOf(ranges);
    const start = Math.floor(random.next() * SIZE);
    const end = start + Math.floor(random.next() * (SIZE - start + 1));
    const removed = cutRange(ranges, start, end);
    expect(bytesOf(removed)).toEqual(before.map((there, at) => there && at >= start && at < end));
    expect(bytesOf(ranges)).toEqual(before.map((there, at) => there && !(at >= start && at < end)));
    for (const range of removed) insertRange(aside, range);
    bytesOf(aside);
    if (each % 5 === 0) for (const range of aside.splice(0)) insertRange(ranges, range);
  }
});
