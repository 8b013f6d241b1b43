import { S_IFDIR, S_IFMT } from '../../platform/libc.ts';
import type { ReplicaTree } from '../replica/tree.ts';

/** Where a path leads after a rename: itself, another path, or null when what was there is gone. */
export type Moved = (path: string) => string | null;

export interface Rename {
  readonly from: string;
  readonly to: string;
  readonly flags: number;
}

const EXCHANGE = 2;

/** Whether a rename that was made has moved a directory: what is below has other paths then, too. */
export function movesDirectory(tree: ReplicaTree, { from, to, flags }: Rename): boolean {
  const isDirectory = (path: string) => ((tree.stat(path)?.mode ?? 0) & S_IFMT) === S_IFDIR;
  return isDirectory(to) || ((flags & EXCHANGE) !== 0 && isDirectory(from));
}

/** What a rename does to paths. */
export function movedBy(rename: Rename): Moved {
  const { from, to } = rename;
  const exchange = (rename.flags & EXCHANGE) !== 0;
  return (path) => {
    if (path === from || path.startsWith(`${from}/`)) return to + path.slice(from.length);
    if (path === to || path.startsWith(`${to}/`)) return exchange ? from + path.slice(to.length) : null;
    return path;
  };
}
