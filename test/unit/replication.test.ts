import { describe, expect, it } from 'vitest';
import { SharedState } from '../../agent/mirror/link/sharedState.ts';
import { Replication } from '../../agent/mirror/replica/replication.ts';
import { resetMarks, ZoneMarks } from '../../agent/mirror/replica/zoneMarks.ts';
import { StateFiles } from '../simulation/replica/stateFiles.ts';

const nothing = (): void => undefined;

/** What a primary makes of its disk, with nobody to replicate to. */
function primary() {
  const files = new StateFiles(() => false, nothing);
  resetMarks(files.marks);
  const marks = ZoneMarks.open(files.marks);
  const ownDisk = { hasFailed: false };
  const outside = { now: () => 0, answer: nothing, wake: nothing, cut: nothing };
  const replication = new Replication({
    ...{ shared: new SharedState(outside), marks, ownDisk, now: () => 0, nameOfEnd: () => 'end' },
    ...{ drain: nothing, settle: nothing, sendTimes: nothing, syncLocal: nothing, recordPending: nothing },
    ...{ recordEnd: nothing, tell: nothing, onDropped: nothing },
  });
  return { replication, marks, ownDisk };
}

describe('a primary whose disk fails', () => {
  it('relies on no mark any more when it had not seen that all it began with is durable', () => {
    const { replication, marks, ownDisk } = primary();
    ownDisk.hasFailed = true;
    replication.diskFailed();
    expect(marks.problem).not.toBeNull();
  });

  it('relies on its marks when it had', () => {
    const { replication, marks, ownDisk } = primary();
    replication.settled();
    ownDisk.hasFailed = true;
    replication.diskFailed();
    expect(marks.problem).toBeNull();
  });

  it('relies on its marks when the flush that failed has lost nothing', () => {
    const { replication, marks } = primary();
    replication.diskFailed();
    expect(marks.problem).toBeNull();
  });
});
