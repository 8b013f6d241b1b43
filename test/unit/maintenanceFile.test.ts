import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MaintenanceFile } from '../../agent/runtime/maintenanceFile.ts';

const wall = Date.parse('2026-11-22T12:00:00Z');
const begun = { sequence: 3, leftMs: 60_000, forMs: 90_000, reason: 'cabling', by: 'ann' };

describe('a maintenance that outlasts a restart', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'understudy-maintenance-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  const readAt = (now: number, wallNow: number) => new MaintenanceFile(directory).read(now, wallNow);

  it('is none where none was begun', () => {
    expect(readAt(5, wall)).toBe(null);
  });

  it('ends at the same time of day, by the clock of another life', () => {
    new MaintenanceFile(directory).save(begun, wall);
    expect(readAt(7, wall + 20_000)).toMatchObject({ sequence: 3, until: 40_007, reason: 'cabling', by: 'ann' });
    expect(readAt(7, wall + 60_000)?.until).toBe(-Infinity);
  });

  it('is not longer than it was to be where the clock was set back', () => {
    new MaintenanceFile(directory).save(begun, wall);
    expect(readAt(0, wall - 86_400_000)?.until).toBe(90_000);
  });

  it('stays ended, with its number', () => {
    new MaintenanceFile(directory).save({ ...begun, sequence: 4, leftMs: null }, wall);
    expect(readAt(0, wall)).toMatchObject({ sequence: 4, until: null });
  });

  it('is refused when its file is damaged, with what to do', () => {
    new MaintenanceFile(directory);
    writeFileSync(join(directory, 'maintenance.json'), '{"formatVersion":1,"sequence":1}');
    expect(() => readAt(0, wall)).toThrow(/maintenance\.json is damaged.*remove it/);
  });
});
