import { chooseKind } from '../../agent/mirror/resync/kind.ts';
import { factsOf, flushAll, type Host } from './host.ts';
import { feedSoon, type Surroundings } from './surroundings.ts';

export interface Copy {
  /** Whether anything may differ. */
  readonly isNeeded: boolean;
  /** Everything that differs has been copied, and both have made it durable. */
  readonly finish: () => void;
}

function recordOf({ disk }: Host): Parameters<typeof chooseKind>[0]['record'] {
  const { lineage, syncId, consistent } = disk;
  return { formatVersion: 1, module: 'web', lineage, syncId, consistent };
}

/**
 * Brings a follower up to date: by the zones that the marks of both name, or by comparing everything, as the mirror itself would choose. Until it is finished the follower is a mixture of old and new.
 * @param options.keepsUndo whether what the follower was stays within the bound of what is kept of it
 */
export function resync(world: Surroundings, primary: Host, follower: Host, options: { keepsUndo: boolean }): Copy {
  const { kind } = chooseKind({
    record: recordOf(primary),
    followerRecord: recordOf(follower),
    marksProblem: null,
    followerMarksProblem: null,
    followerName: follower.name,
  });
  const zones = (): Set<number> =>
    kind === 'delta'
      ? new Set([...primary.disk.marks, ...follower.disk.marks])
      : new Set([...primary.disk.log, ...follower.disk.log]);
  const isNeeded = kind === 'full' || !follower.disk.consistent || zones().size > 0;
  if (kind === 'full') world.costs.comparesAll(primary, follower);
  else world.costs.comparesZones(zones());
  if (isNeeded) {
    world.checker.overwrites(primary, follower);
    spoil(follower, options);
    // One half of it has been copied when it is interrupted.
    for (const zone of zones()) if (zone % 2 === 0) copyZone(primary, follower, zone);
    feedSoon(world, follower, { type: 'replica', replica: factsOf(follower) });
  }
  return {
    isNeeded,
    finish: () => {
      for (const zone of zones()) copyZone(primary, follower, zone);
      world.checker.inStep(primary, follower);
      for (const each of [primary, follower]) flushAll(each);
      follower.disk.marks.clear();
      // A disk that lost something may have lost more.
      if (!primary.disk.diskError) primary.disk.marks.clear();
      world.costs.inStep(!primary.disk.diskError);
      primary.disk.syncId = `${primary.name}@${String(world.clock.now)}`;
      follower.disk.syncId = primary.disk.syncId;
      follower.disk.lineage = [...primary.disk.lineage];
      follower.disk.consistent = true;
      follower.disk.undo = null;
      follower.disk.diskError = null;
      follower.disk.isReplaced = false;
      feedSoon(world, follower, { type: 'replica', replica: factsOf(follower) });
    },
  };
}

/** A later resync goes on from what an interrupted one has kept. */
function spoil({ disk }: Host, { keepsUndo }: { keepsUndo: boolean }): void {
  // One that never held anything has nothing to be kept.
  const kept = disk.consistent && disk.lineage.length > 0 ? new Set(disk.log) : disk.undo;
  disk.undo = keepsUndo ? kept : null;
  disk.consistent = false;
}

function copyZone(primary: Host, follower: Host, zone: number): void {
  if (primary.disk.log.has(zone)) follower.disk.log.add(zone);
  else follower.disk.log.delete(zone);
}
