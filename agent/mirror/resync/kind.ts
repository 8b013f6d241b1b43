import type { ReplicaRecord } from '../mirror.ts';
import { commonSyncId } from '../replica/resyncEnd.ts';
import type { ResyncKind } from './resyncContext.ts';

/** Decides whether zone marks can be relied on, and says for people why a resync is needed. */
export function chooseKind(about: {
  readonly record: ReplicaRecord;
  readonly marksProblem: string | null;
  readonly followerRecord: ReplicaRecord;
  readonly followerMarksProblem: string | null;
  readonly followerName: string;
}): { kind: ResyncKind; cause: string } {
  const { record, followerRecord, followerName } = about;
  const last = followerRecord.lineage.at(-1);
  if (last === undefined) return { kind: 'full', cause: `${followerName} holds no data of the module yet` };
  if (commonSyncId(record, followerRecord) === null) {
    return { kind: 'full', cause: `${followerName} and this host have not completed a resync with each other` };
  }
  if (about.marksProblem !== null) {
    return { kind: 'full', cause: `the zone marks of this host are ${about.marksProblem}` };
  }
  if (about.followerMarksProblem !== null) {
    return { kind: 'full', cause: `the zone marks of ${followerName} are ${about.followerMarksProblem}` };
  }
  return { kind: 'delta', cause: `${followerName} was away since epoch ${last.epoch}` };
}
