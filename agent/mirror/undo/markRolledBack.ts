import type { MarkStore } from '../replica/markStore.ts';
import { loadMarks, ZoneMarks } from '../replica/zoneMarks.ts';
import type { RolledBack } from './rollBack.ts';

/** What was put back may differ from the other host's: a superset of it is marked. Marks that are not trusted say so already. */
export function markRolledBack(store: MarkStore, changed: readonly RolledBack[]): void {
  if (loadMarks(store).problem !== null) return;
  const marks = ZoneMarks.open(store);
  try {
    for (const { ino, range } of changed) {
      if (range === null) marks.markWhole(ino);
      else marks.mark(ino, range.start, range.end);
    }
  } finally {
    marks.close();
  }
}
