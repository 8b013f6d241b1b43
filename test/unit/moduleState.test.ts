import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DesiredFile } from '../../agent/runtime/moduleState.ts';

let folder: string;

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'us-desired-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('keeps over a restart of the agent what was asked for, and why a module is parked', () => {
  expect(new DesiredFile(folder).read()).toEqual({ value: 'started', sequence: 0 });
  new DesiredFile(folder).save({ value: 'stopped', sequence: 1, parked: 'it failed over 5 times' });
  expect(new DesiredFile(folder).read()).toEqual({ value: 'stopped', sequence: 1, parked: 'it failed over 5 times' });
  new DesiredFile(folder).save({ value: 'stopped', sequence: 2 });
  expect(new DesiredFile(folder).read()).toEqual({ value: 'stopped', sequence: 2 });
});

it('names a file that is damaged, and what to do, and never takes it for nothing', () => {
  writeFileSync(join(folder, 'desired.json'), '{"formatVersion":1,"val');
  expect(() => new DesiredFile(folder).read()).toThrow(/desired\.json is damaged .*: remove it/);
});
