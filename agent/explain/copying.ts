import { chooseKind } from '../mirror/resync/kind.ts';
import { commonSyncId, recordAtEnd } from '../mirror/replica/resyncEnd.ts';
import type { Session } from './host.ts';
import { later, type Surroundings } from './surroundings.ts';

/** A resync that finds nothing to compare. */
const nothingMs = 30;

interface Link {
  readonly isReached: () => boolean;
  /** The follower cannot go on. */
  readonly fails: (reason: string) => void;
}

/** Brings the follower of a new session up to date, as the mirror decides what that takes, and tells the primary's core when it is in step. */
export function resync(world: Surroundings, session: Session, { isReached, fails }: Link): void {
  const { clock, pace, trace, feed } = world;
  const { primary, follower } = session;
  const [record, followerRecord] = [primary.replica.value, follower.replica.value];
  const hadFailed = Boolean(followerRecord.diskError);
  const { kind } = chooseKind({
    record,
    marksProblem: null,
    followerRecord,
    // What a disk has lost no mark tells of.
    followerMarksProblem: hadFailed ? 'of a disk that has failed' : null,
    followerName: follower.name,
  });
  const isSame =
    follower.writes.size === primary.writes.size && [...primary.writes].every((write) => follower.writes.has(write));
  const isNeeded = kind === 'full' || !followerRecord.consistent || !isSame;
  if (isNeeded) spoil(session);
  later(world, primary, isNeeded ? pace.compareMs : nothingMs, () => {
    if (!isReached()) return;
    if (follower.isDiskBad) {
      fails(`a change could not be made durable on ${follower.name}: EIO`);
      return;
    }
    follower.writes = new Set(primary.writes);
    follower.undo = null;
    const common = commonSyncId(primary.replica.value, follower.replica.value);
    const syncId = `${primary.name} at ${String(clock.now)}`;
    primary.replica.update({ syncId: common, pending: { syncId, after: common } });
    follower.replica.update(recordAtEnd(follower.replica.value, { syncId, lineage: primary.replica.value.lineage }));
    primary.replica.update({ syncId, pending: null, consistent: true, stopped: null });
    session.isInStep = true;
    trace.resynced({
      from: primary.name,
      to: follower.name,
      copied: !isNeeded ? 'nothing' : kind === 'full' ? 'everything' : 'changes',
    });
    later(world, primary, 2 * pace.networkMs, () => {
      if (isReached()) feed(primary, { type: 'mirrorInStep', replica: primary.facts });
    });
  });
}

/** The follower is no replica by itself while it is changed; what it was is kept. */
function spoil({ follower }: Session): void {
  const { consistent, restorable = false, lineage } = follower.replica.value;
  if (consistent && lineage.length > 0) follower.undo = new Set(follower.writes);
  else if (!restorable) follower.undo = null;
  follower.replica.update({ consistent: false, restorable: follower.undo !== null });
}
