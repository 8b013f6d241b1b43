import { describe, expect, it } from 'vitest';
import type { ReplicaRecord } from '../../agent/mirror/mirror.ts';
import { commonSyncId, recordAtEnd } from '../../agent/mirror/replica/resyncEnd.ts';

const record = (change: Partial<ReplicaRecord>): ReplicaRecord => ({
  ...{ formatVersion: 1, module: 'web', lineage: [], syncId: null, consistent: true },
  ...change,
});

describe('the last resync that both replicas completed', () => {
  it('is the one that both name', () => {
    expect(commonSyncId(record({ syncId: 'one' }), record({ syncId: 'one' }))).toBe('one');
    expect(commonSyncId(record({ syncId: 'one' }), record({ syncId: 'two' }))).toBeNull();
    expect(commonSyncId(record({}), record({}))).toBeNull();
  });

  it('is the one whose end only the follower came to know, whoever of the two is primary by now', () => {
    const primary = record({ syncId: 'one', pending: { syncId: 'two', after: 'one' } });
    const follower = record(recordAtEnd(record({ syncId: 'one' }), { syncId: 'two', lineage: [] }));
    expect(commonSyncId(primary, follower)).toBe('two');
    expect(commonSyncId(follower, primary)).toBe('two');
    expect(commonSyncId(primary, record({ syncId: 'one' }))).toBe('one');
  });

  it('is not one that was asked for before another one', () => {
    const primary = record({ syncId: 'three', pending: { syncId: 'two', after: 'one' } });
    expect(commonSyncId(primary, record({ syncId: 'two' }))).toBeNull();
  });
});
