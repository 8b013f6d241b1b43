import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RecordStore } from '../../agent/mirror/replica/record.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'understudy-record-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const disk = { ino: 2, born: '1700000000000000000' };
const mountPoint = { ino: 777, born: '1600000000000000000' };

it('refuses an empty mount point in the place of the replica, and takes the replica again when its disk is mounted', () => {
  const store = RecordStore.open(directory, 'web');
  store.bindTo(disk, '/srv/vm/web');
  store.enter({ epoch: 1, primary: 'alpha' });

  expect(() => RecordStore.open(directory, 'web').bindTo(mountPoint, '/srv/vm/web')).toThrow(/is its disk mounted\?/);

  const again = RecordStore.open(directory, 'web');
  again.bindTo(disk, '/srv/vm/web');
  expect(again.value.lineage).toEqual([{ epoch: 1, primary: 'alpha' }]);
});

it('takes any directory for a replica that never held anything', () => {
  RecordStore.open(directory, 'web').bindTo(disk, '/srv/vm/web');
  RecordStore.open(directory, 'web').bindTo(mountPoint, '/srv/vm/web');
});

it('tells of every change when it is durable', () => {
  const store = RecordStore.open(directory, 'web');
  const told: number[] = [];
  store.onChange = (record) => told.push(record.lineage.length);
  store.enter({ epoch: 1, primary: 'alpha' });
  store.enter({ epoch: 1, primary: 'alpha' });
  store.enter({ epoch: 2, primary: 'beta' });
  expect(told).toEqual([1, 2]);
});
