import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DataRuns } from '../../agent/mirror/resync/content.ts';

const MiB = 1024 * 1024;
let directory: string;
beforeEach(() => (directory = fs.mkdtempSync(path.join(os.tmpdir(), 'understudy-runs-'))));
afterEach(() => fs.rmSync(directory, { recursive: true }));

/** Data at 1 and 3 MiB, 1 MiB each, holes between and behind. */
function sparseFile(): number {
  const fd = fs.openSync(path.join(directory, 'file'), 'w+');
  fs.writeSync(fd, Buffer.alloc(MiB, 1), 0, MiB, MiB);
  fs.writeSync(fd, Buffer.alloc(MiB, 2), 0, MiB, 3 * MiB);
  fs.ftruncateSync(fd, 6 * MiB);
  return fd;
}

it('finds data and holes in whatever order it is asked', () => {
  const fd = sparseFile();
  try {
    const runs = new DataRuns(fd);
    expect(runs.split({ start: 0, end: 6 * MiB })).toEqual({
      data: [
        { start: MiB, end: 2 * MiB },
        { start: 3 * MiB, end: 4 * MiB },
      ],
      holes: [
        { start: 0, end: MiB },
        { start: 2 * MiB, end: 3 * MiB },
        { start: 4 * MiB, end: 6 * MiB },
      ],
    });
    expect(runs.split({ start: 4096, end: 8192 })).toEqual({ data: [], holes: [{ start: 4096, end: 8192 }] });
    expect(runs.split({ start: MiB, end: MiB + 1 }).data).toEqual([{ start: MiB, end: MiB + 1 }]);
    expect(runs.nextData({ start: 2 * MiB, end: 5 * MiB })).toBe(3 * MiB);
    expect(runs.nextData({ start: 4 * MiB, end: 5 * MiB })).toBe(5 * MiB);
  } finally {
    fs.closeSync(fd);
  }
});
