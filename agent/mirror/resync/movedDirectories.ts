import { parentOf, type ReplicaTree } from '../replica/tree.ts';

/** Whether one of the directories that a path lies in is among `moved`, by inode number. */
export function isBelowMoved(tree: ReplicaTree, path: string, moved: ReadonlySet<number>): boolean {
  if (moved.size === 0) return false;
  for (let at = path; at !== '';) {
    at = parentOf(at);
    const stat = at === '' ? null : tree.stat(at);
    if (stat !== null && moved.has(stat.ino)) return true;
  }
  return false;
}
