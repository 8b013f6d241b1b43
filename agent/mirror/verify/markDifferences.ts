import { fromByteString, S_IFMT, S_IFREG, toByteString } from '../../platform/libc.ts';
import type { Difference } from '../mirror.ts';
import type { ReplicaTree } from '../replica/tree.ts';
import type { ZoneMarks } from '../replica/zoneMarks.ts';

/**
 * Turns what a verify found into zone marks for the next resync. That compares names and attributes of everything anyway; content only where
 * something is marked. What cannot be found any more under its name may have another one now: then everything is compared.
 * @param differences null: more than were listed
 * @throws Node's file errors
 */
export function markDifferences(marks: ZoneMarks, tree: ReplicaTree, differences: readonly Difference[] | null): void {
  if (differences === null) {
    marks.markEverything();
    return;
  }
  for (const difference of differences) {
    const { what, offset, length } = difference;
    if (what !== 'content' && what !== 'unreadable') continue;
    const path = toByteString(difference.path);
    // A name that is no text was not kept as it is.
    const stat =
      fromByteString(path) === difference.path && !difference.path.includes('\ufffd') ? tree.stat(path) : null;
    if (stat === null) {
      marks.markEverything();
      return;
    }
    if ((stat.mode & S_IFMT) !== S_IFREG) continue;
    if (what === 'content' && offset !== undefined && length !== undefined) {
      marks.mark(stat.ino, offset, offset + length);
    } else marks.markWhole(stat.ino);
  }
}
