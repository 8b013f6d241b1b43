import { expect, test } from 'vitest';
import type { ReplicaRecord } from '../../agent/mirror/mirror.ts';
import { Promotion, recordAtEnd } from '../../agent/mirror/replica/resyncEnd.ts';

const first = { epoch: 1, primary: 'alpha' };
const second = { epoch: 2, primary: 'alpha' };
const own: ReplicaRecord = {
  formatVersion: 1,
  module: 'web',
  lineage: [first],
  syncId: null,
  consistent: false,
  restorable: true,
  diskError: { code: 'EIO', at: '2026-01-01T00:00:00.000Z' },
  stopped: { at: '1700000000000000000', served: false },
};

test('a replica that a resync has ended for is a whole one by the name of that resync', () => {
  expect(recordAtEnd(own, { syncId: 'end', lineage: [first, second] })).toEqual({
    syncId: 'end',
    pending: null,
    consistent: true,
    restorable: false,
    diskError: null,
    stopped: null,
    lineage: [first, second],
  });
});

test('an epoch that was entered during the resync is not taken back by its end', () => {
  const entered = { ...own, lineage: [first, second] };
  expect(recordAtEnd(entered, { syncId: 'end', lineage: [first] }).lineage).toEqual([first, second]);
});

test('a host that has become primary takes no end of a resync, whatever epochs come after', () => {
  const promotion = new Promotion('beta');
  promotion.entered(first);
  promotion.checkEnd();
  promotion.entered({ epoch: 2, primary: 'beta' });
  promotion.entered({ epoch: 3, primary: 'alpha' });
  expect(() => promotion.checkEnd()).toThrow('beta has become primary');
});
