import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RecordStore } from '../../agent/mirror/replica/record.ts';
import { recordPlace } from '../../agent/mirror/replica/recordPlace.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'understudy-record-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const disk = { ino: 2, born: '1700000000000000000' };
const mountPoint = { ino: 777, born: '1600000000000000000' };

it('refuses an empty mount point in the place of the replica, and takes the replica again when its disk is mounted', () => {
  const store = RecordStore.open(recordPlace(directory), 'web');
  store.bindTo([disk], ['/srv/vm/web']);
  store.enter({ epoch: 1, primary: 'alpha' });

  expect(() => RecordStore.open(recordPlace(directory), 'web').bindTo([mountPoint], ['/srv/vm/web'])).toThrow(
    /is its disk mounted\?/,
  );

  const again = RecordStore.open(recordPlace(directory), 'web');
  again.bindTo([disk], ['/srv/vm/web']);
  expect(again.value.lineage).toEqual([{ epoch: 1, primary: 'alpha' }]);
});

it('takes any directory for a replica that never held anything', () => {
  RecordStore.open(recordPlace(directory), 'web').bindTo([disk], ['/srv/vm/web']);
  RecordStore.open(recordPlace(directory), 'web').bindTo([mountPoint], ['/srv/vm/web']);
});

it('keeps the record of one directory as it always was, and those of several in their order', () => {
  const written = (): Record<string, unknown> =>
    JSON.parse(readFileSync(join(directory, 'replica.json'), 'utf8')) as Record<string, unknown>;
  const data = { ino: 2, born: '1500000000000000000' };
  const one = RecordStore.open(recordPlace(directory), 'web');
  one.bindTo([disk], ['/srv/vm/web']);
  one.enter({ epoch: 1, primary: 'alpha' });
  expect(written()['directory']).toEqual(disk);
  expect(written()).not.toHaveProperty('directories');
  const places = ['/srv/vm/web', '/srv/data'];
  expect(() => RecordStore.open(recordPlace(directory), 'web').bindTo([disk, data], places)).toThrow(
    /is of one directory, the module has 2 directories now/,
  );

  rmSync(join(directory, 'replica.json'));
  const several = RecordStore.open(recordPlace(directory), 'web');
  several.bindTo([disk, data], places);
  several.enter({ epoch: 1, primary: 'alpha' });
  expect(written()['directories']).toEqual([disk, data]);
  RecordStore.open(recordPlace(directory), 'web').bindTo([disk, data], places);
  expect(() => RecordStore.open(recordPlace(directory), 'web').bindTo([data, disk], places.toReversed())).toThrow(
    /\/srv\/data is not the directory .* another order\? Put them back/,
  );
  expect(() => RecordStore.open(recordPlace(directory), 'web').bindTo([disk, mountPoint], places)).toThrow(
    /\/srv\/data is not the directory/,
  );
});

it('tells of every change when it is durable', () => {
  const store = RecordStore.open(recordPlace(directory), 'web');
  const told: number[] = [];
  store.onChange = (record) => told.push(record.lineage.length);
  store.enter({ epoch: 1, primary: 'alpha' });
  store.enter({ epoch: 1, primary: 'alpha' });
  store.enter({ epoch: 2, primary: 'beta' });
  expect(told).toEqual([1, 2]);
});
