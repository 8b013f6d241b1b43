import fc from 'fast-check';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  MARK_RECORD_BYTES,
  markFileEnd,
  markFiles,
  readMarkFile,
  writeMarkFile,
} from '../../agent/mirror/replica/markFile.ts';
import { MarkKind } from '../../agent/mirror/replica/markStore.ts';
import { loadMarks, resetMarks, ZoneMarks } from '../../agent/mirror/replica/zoneMarks.ts';
import { EXTENT_BYTES, mergeRanges, ZoneSet } from '../../agent/mirror/replica/zoneSet.ts';

const ZONE = 64 * 1024;
const BLOCK = 4096;
let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'us-marks-'));
});
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

const range = fc
  .tuple(fc.integer({ min: 0, max: 1 << 28 }), fc.integer({ min: 1, max: 1 << 22 }))
  .map(([start, length]) => ({ start, end: start + length }));

describe('a set of zones', () => {
  test('covers what was added, by whole blocks, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 20 }), (ranges) => {
        const set = new ZoneSet();
        const blocks = new Set<number>();
        for (const { start, end } of ranges) {
          set.add(start, end);
          for (let block = Math.floor(start / BLOCK); block * BLOCK < end; block++) blocks.add(block);
        }
        const found = new Set<number>();
        for (const { start, end } of set.ranges(Number.MAX_SAFE_INTEGER)) {
          for (let at = start; at < end; at += BLOCK) found.add(at / BLOCK);
        }
        expect(found).toEqual(blocks);
        expect(set.bytes).toBe(blocks.size * BLOCK);
        const extents = new Set([...blocks].map((block) => Math.floor((block * BLOCK) / EXTENT_BYTES)));
        expect(new Set(set.extents())).toEqual(extents);
        for (let index = 0; index < 300; index++) expect(set.hasExtent(index)).toBe(extents.has(index));
        const union = new ZoneSet();
        union.addAll(set);
        expect(union.ranges(Infinity)).toEqual(set.ranges(Infinity));
      }),
      { numRuns: 60 },
    );
  });

  test('ends with the file', () => {
    const set = new ZoneSet();
    for (const index of [0, 1, 2]) set.addExtent(index);
    expect(set.ranges(100_000)).toEqual([{ start: 0, end: 100_000 }]);
    expect(set.bytes).toBe(3 * EXTENT_BYTES);
    set.whole = true;
    expect(set.ranges(7)).toEqual([{ start: 0, end: 7 }]);
    expect(set.ranges(0)).toEqual([]);
  });

  test('ranges merge', () => {
    expect(
      mergeRanges([
        { start: 5, end: 9 },
        { start: 0, end: 5 },
        { start: 20, end: 30 },
        { start: 8, end: 12 },
      ]),
    ).toEqual([
      { start: 0, end: 12 },
      { start: 20, end: 30 },
    ]);
  });
});

describe('a file of marks', () => {
  const records = [1, 2, 3].map((ino) => ({ kind: MarkKind.extents, ino, first: ino * 10, count: 2 }));
  const file = () => path.join(directory, 'marks');

  test('reads back', () => {
    writeMarkFile(file(), 7, records);
    expect(readMarkFile(file())).toEqual({ generation: 7, records });
  });

  test('loses nothing but its torn last record', () => {
    writeMarkFile(file(), 7, records);
    const bytes = fs.readFileSync(file());
    bytes.fill(0xaa, markFileEnd(file()) - 10, markFileEnd(file()));
    fs.writeFileSync(file(), bytes);
    expect(readMarkFile(file())).toEqual({ generation: 7, records: records.slice(0, 2) });
  });

  test('cut off within its last record loses that record', () => {
    writeMarkFile(file(), 7, records);
    fs.truncateSync(file(), markFileEnd(file()) - 5);
    expect(readMarkFile(file())).toEqual({ generation: 7, records: records.slice(0, 2) });
  });

  test('is not written through an appender that was closed', () => {
    const store = markFiles(directory);
    store.write(0, 7, []);
    const appender = store.appender(0, 0);
    appender.close();
    // Whatever is opened next has the descriptor's number.
    const next = path.join(directory, 'next');
    const fd = fs.openSync(next, 'w+');
    expect(() => appender.append(records)).toThrow('closed');
    appender.close();
    fs.writeSync(fd, 'mine');
    fs.closeSync(fd);
    expect(fs.readFileSync(next, 'utf8')).toBe('mine');
  });

  test.each([
    ['in the middle', MARK_RECORD_BYTES + 10, 'damaged'],
    ['in the header', 13, 'damaged'],
    ['in its name', 0, 'damaged'],
    ['in its version', 8, 'of format version 2'],
  ])('damaged %s is not trusted', (_, at, problem) => {
    writeMarkFile(file(), 7, records);
    const bytes = fs.readFileSync(file());
    bytes.writeUInt8(at === 8 ? 2 : bytes.readUInt8(at) ^ 0xff, at);
    fs.writeFileSync(file(), bytes);
    expect(readMarkFile(file())).toBe(problem);
  });
});

describe('the marks of a replica', () => {
  const inodes = () => [...loadMarks(markFiles(directory)).files.keys()].sort();

  test('are on the disk when mark returns, and come back after a crash', () => {
    resetMarks(markFiles(directory));
    const marks = ZoneMarks.open(markFiles(directory));
    marks.mark(5, 3 * ZONE, 3 * ZONE + 1);
    marks.markWhole(6);
    const { files, problem } = loadMarks(markFiles(directory));
    expect(problem).toBeNull();
    // Finer in memory than on the disk.
    expect(marks.of(5)?.bytes).toBe(BLOCK);
    expect(files.get(5)?.bytes).toBe(EXTENT_BYTES);
    expect(files.get(6)?.whole).toBe(true);
    marks.close();
    const again = ZoneMarks.open(markFiles(directory));
    expect(again.of(5)?.bytes).toBe(EXTENT_BYTES);
    again.close();
  });

  test('of a generation go when it is dropped, those of the next stay', () => {
    resetMarks(markFiles(directory));
    const marks = ZoneMarks.open(markFiles(directory));
    marks.mark(1, 0, 10);
    marks.turn();
    marks.mark(1, 0, 10);
    marks.mark(2, 0, 10);
    expect(inodes()).toEqual([1, 2]);
    marks.drop();
    expect(inodes()).toEqual([1, 2]);
    expect(marks.of(1)).not.toBeNull();
    marks.turn();
    marks.drop();
    marks.turn();
    marks.mark(3, 0, 10);
    marks.drop();
    expect(inodes()).toEqual([3]);
    expect(marks.of(1)).toBeNull();
    marks.close();
  });

  test('are there before the first write of a generation where the two before it were written, and go without one', () => {
    resetMarks(markFiles(directory));
    const marks = ZoneMarks.open(markFiles(directory));
    const next = () => {
      marks.turn();
      marks.drop();
    };
    marks.mark(1, 0, 10);
    next();
    marks.mark(1, 0, 10);
    marks.mark(2, 0, 10);
    next();
    // On the disk, for a crash; nothing has been written there yet.
    expect(inodes()).toEqual([1]);
    expect(marks.of(1)).toBeNull();
    expect(marks.bytes).toBe(0);
    expect(marks.empty).toBe(false);
    marks.mark(1, 20, 30);
    expect(marks.of(1)?.bytes).toBe(BLOCK);
    // The peer is lost and comes back: what was only marked ahead is not looked at.
    marks.turn();
    marks.mark(1, EXTENT_BYTES, EXTENT_BYTES + 1);
    marks.unturn();
    expect(marks.of(1)?.bytes).toBe(2 * BLOCK);
    expect(loadMarks(markFiles(directory)).files.get(1)?.bytes).toBe(2 * EXTENT_BYTES);
    next();
    next();
    expect(inodes()).toEqual([]);
    expect(marks.empty).toBe(true);
    marks.close();
  });

  test('ahead are not relied on any more when a generation was taken back', () => {
    resetMarks(markFiles(directory));
    const marks = ZoneMarks.open(markFiles(directory));
    for (let time = 0; time < 2; time++) {
      marks.mark(1, 0, 10);
      marks.turn();
      marks.drop();
    }
    expect(inodes()).toEqual([1]);
    marks.turn();
    marks.unturn();
    marks.mark(1, 0, 10);
    expect(inodes()).toEqual([1]);
    marks.close();
  });

  test('all stay when the peer was lost before the old generation was durable there', () => {
    resetMarks(markFiles(directory));
    const marks = ZoneMarks.open(markFiles(directory));
    marks.mark(1, 0, 10);
    marks.turn();
    marks.mark(2, 0, 10);
    marks.created(4);
    marks.unturn();
    expect(inodes()).toEqual([1, 2]);
    marks.mark(3, 0, 10);
    marks.mark(4, 0, 10);
    expect(inodes()).toEqual([1, 2, 3, 4]);
    expect(marks.of(4)?.whole).toBe(true);
    marks.close();
  });

  test('of a file that was made before a turn and is first written after it cover the whole file', () => {
    resetMarks(markFiles(directory));
    const marks = ZoneMarks.open(markFiles(directory));
    marks.created(7);
    marks.turn();
    marks.mark(7, 5 * ZONE, 5 * ZONE + 1);
    expect(loadMarks(markFiles(directory)).files.get(7)?.whole).toBe(true);
    marks.created(8);
    marks.drop();
    // By now the peer has file 7 durably, as a new one; file 8 it may not have.
    marks.turn();
    marks.mark(7, 0, 1);
    marks.mark(8, 0, 1);
    marks.drop();
    const { files } = loadMarks(markFiles(directory));
    expect(files.get(7)?.whole).toBe(false);
    expect(files.get(8)?.whole).toBe(true);
    marks.close();
  });

  test('of a new file cover all of it though its inode number had marks of another', () => {
    resetMarks(markFiles(directory));
    const marks = ZoneMarks.open(markFiles(directory));
    marks.mark(7, 0, 1);
    marks.created(7);
    marks.mark(7, 5 * ZONE, 5 * ZONE + 1);
    expect(marks.of(7)?.whole).toBe(true);
    marks.close();
  });

  test('take files along whose names were removed as soon as a name is given, until both replicas have them removed', () => {
    resetMarks(markFiles(directory));
    const marks = ZoneMarks.open(markFiles(directory));
    const next = () => {
      marks.turn();
      marks.drop();
    };
    marks.removed(1);
    expect(inodes()).toEqual([]);
    // The peer is lost before it was durable.
    marks.turn();
    marks.removed(2);
    marks.unturn();
    expect(marks.hasRemoved).toBe(true);
    marks.markWhole(3);
    expect(inodes()).toEqual([1, 2, 3]);
    expect(loadMarks(markFiles(directory)).files.get(1)?.whole).toBe(true);
    expect(marks.hasRemoved).toBe(false);
    next();
    next();
    expect(inodes()).toEqual([]);

    marks.removed(4);
    marks.turn();
    marks.removed(5);
    // Until the drop the first one may come back, too.
    marks.markWhole(6);
    expect(inodes()).toEqual([4, 5, 6]);
    marks.drop();
    next();

    marks.removed(7);
    marks.turn();
    marks.removed(8);
    marks.drop();
    marks.markWhole(9);
    expect(inodes()).toEqual([8, 9]);
    // A name for a file that is marked already takes what was removed along as well.
    marks.removed(10);
    marks.markWhole(9);
    expect(inodes()).toEqual([10, 8, 9]);
    marks.close();
  });

  describe('when new files of marks cannot be written', () => {
    /** The place of the temporary file is taken by a directory: every replacement of a file of marks fails. */
    const block = () => {
      for (const name of ['a', 'b']) {
        fs.mkdirSync(path.join(directory, `.marks.${name}.log.tmp`, 'full'), { recursive: true });
      }
    };
    const unblock = () => {
      for (const name of ['a', 'b']) fs.rmSync(path.join(directory, `.marks.${name}.log.tmp`), { recursive: true });
    };
    let marks: ZoneMarks;
    beforeEach(() => {
      resetMarks(markFiles(directory));
      marks = ZoneMarks.open(markFiles(directory));
      marks.mark(1, 0, 10);
    });
    afterEach(() => marks.close());

    test('a drop leaves marks behind, and the next turn clears them', () => {
      marks.turn();
      marks.mark(2, 0, 10);
      block();
      marks.drop();
      marks.mark(3, 0, 10);
      expect(inodes()).toEqual([1, 2, 3]);
      expect(marks.empty).toBe(false);
      expect(() => marks.turn()).toThrow();
      marks.unturn();
      marks.mark(4, 0, 10);
      expect(inodes()).toEqual([1, 2, 3, 4]);
      unblock();
      marks.turn();
      expect(inodes()).toEqual([2, 3, 4]);
      marks.drop();
      expect(inodes()).toEqual([]);
      expect(marks.empty).toBe(true);
    });

    test('marks that are taken back stay, whatever comes then', () => {
      marks.turn();
      marks.mark(2, 0, 10);
      marks.created(9);
      block();
      marks.unturn();
      marks.mark(3, 0, 10);
      marks.mark(9, 0, 10);
      expect(inodes()).toEqual([1, 2, 3, 9]);
      expect(marks.of(1)).not.toBeNull();
      marks.drop();
      expect(() => marks.turn()).toThrow();
      marks.unturn();
      expect(inodes()).toEqual([1, 2, 3, 9]);
      unblock();
      marks.turn();
      marks.mark(4, 0, 10);
      expect(inodes()).toEqual([1, 2, 3, 4, 9]);
      expect(marks.of(9)?.whole).toBe(true);
      marks.drop();
      expect(inodes()).toEqual([4]);
    });
  });

  test('that are missing are not trusted until both replicas were equal once', () => {
    const marks = ZoneMarks.open(markFiles(directory));
    expect(marks.problem).toBe('missing');
    marks.close();
    expect(loadMarks(markFiles(directory)).problem).not.toBeNull();
    const again = ZoneMarks.open(markFiles(directory));
    again.turn();
    again.drop();
    expect(again.problem).toBeNull();
    again.close();
    expect(loadMarks(markFiles(directory))).toEqual({ files: new Map(), problem: null });
  });

  test('are a superset of what was marked, whatever happens in which order', () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant('mark' as const),
        ino: fc.integer({ min: 1, max: 3 }),
        zone: fc.integer({ min: 0, max: 60 }),
      }),
      fc.record({ do: fc.constantFrom('turn' as const, 'drop' as const, 'unturn' as const, 'crash' as const) }),
      // What is written in two generations running is marked ahead.
      fc.record({ do: fc.constant('rewritten' as const), zone: fc.integer({ min: 0, max: 60 }) }),
      // From here on new files of marks can (not) be written.
      fc.record({ do: fc.constantFrom('block' as const, 'unblock' as const) }),
    );
    const temporary = ['a', 'b'].map((name) => path.join(directory, `.marks.${name}.log.tmp`));
    const unblock = () => {
      for (const each of temporary) fs.rmSync(each, { recursive: true, force: true });
    };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        unblock();
        resetMarks(markFiles(directory));
        let marks = ZoneMarks.open(markFiles(directory));
        let current = new Set<string>();
        let old = new Set<string>();
        for (const each of steps) {
          if (each.do === 'mark') {
            marks.mark(each.ino, each.zone * ZONE, each.zone * ZONE + 1);
            current.add(`${each.ino} ${each.zone}`);
          } else if (each.do === 'rewritten') {
            for (let time = 0; time < 2; time++) {
              if (!marks.canTurn) continue;
              marks.mark(1, each.zone * ZONE, each.zone * ZONE + 1);
              current.add(`1 ${each.zone}`);
              try {
                marks.turn();
              } catch {
                continue;
              }
              marks.drop();
              current = old = new Set();
            }
          } else if (each.do === 'turn') {
            if (!marks.canTurn) continue;
            try {
              marks.turn();
            } catch {
              continue;
            }
            old = current;
            current = new Set();
          } else if (each.do === 'block') {
            for (const place of temporary) {
              fs.mkdirSync(path.join(place, 'full'), { recursive: true });
            }
          } else if (each.do === 'unblock') {
            unblock();
          } else if (each.do === 'drop') {
            marks.drop();
            old = new Set();
          } else {
            if (each.do === 'unturn') marks.unturn();
            else {
              marks.close();
              unblock();
              marks = ZoneMarks.open(markFiles(directory));
            }
            for (const mark of old) current.add(mark);
            old = new Set();
          }
        }
        marks.close();
        const { files } = loadMarks(markFiles(directory));
        for (const mark of [...current, ...old]) {
          const [ino = 0, zone = 0] = mark.split(' ').map(Number);
          expect(
            files
              .get(ino)
              ?.ranges(Infinity)
              .some(({ start, end }) => start <= zone * ZONE && zone * ZONE < end),
          ).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });
});
