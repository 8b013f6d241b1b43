import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FailoversFile } from '../../agent/runtime/failoversFile.ts';

const wall = Date.parse('2026-11-22T12:00:00Z');
const day = 86_400_000;

describe('failovers that are counted over restarts', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'understudy-failovers-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  const readAt = (now: number, wallNow: number) => new FailoversFile(directory).read(now, wallNow);

  it('are none where there were none, and none any more when they were forgotten', () => {
    expect(readAt(5, wall)).toEqual([]);
    new FailoversFile(directory).save([1000], wall);
    new FailoversFile(directory).save([], wall);
    expect(readAt(5, wall)).toEqual([]);
  });

  it('are as long ago as they are, by the clock of another life', () => {
    new FailoversFile(directory).save([60_000, 0], wall);
    expect(readAt(7, wall + 20_000)).toEqual([7 - 80_000, 7 - 20_000]);
  });

  it('count as now where the clock was set back, and age from then on, over restarts too', () => {
    new FailoversFile(directory).save([60_000, 0], wall + 4000 * day);
    expect(readAt(100, wall)).toEqual([100, 100]);
    expect(readAt(7, wall + day)).toEqual([7 - day, 7 - day]);
  });

  it('are over where the clock was set forward', () => {
    new FailoversFile(directory).save([0], wall);
    expect(readAt(7, wall + 4000 * day)).toEqual([7 - 4000 * day]);
  });

  it.each(['', '{', '{"formatVersion":2,"at":[]}', '{"formatVersion":1,"at":["soon"]}', '{"formatVersion":1,"at":7}'])(
    'count for nothing where their file says %s',
    (text) => {
      new FailoversFile(directory);
      writeFileSync(join(directory, 'failovers.json'), text);
      expect(readAt(5, wall)).toEqual([]);
    },
  );
});
