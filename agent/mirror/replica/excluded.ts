import { RENAME_EXCHANGE, S_IFDIR, S_IFMT, toByteString } from '../../platform/libc.ts';
import type { Rename } from '../resync/renames.ts';
import { ONE_ROOT, withinRoot } from './roots.ts';
import { joinPath, type ReplicaTree } from './tree.ts';

/**
 * Whether a path is not replicated: a glob matches it or a directory that it lies in. A glob without a slash matches names wherever they
 * are, one with a slash matches paths from each mirrored directory (`*` any bytes, `?` one byte, `[…]` a set; none of them a slash).
 * Paths are byte strings relative to the root; the mirrored directories themselves are never excluded.
 */
export function excludedPaths(globs: readonly string[], roots = ONE_ROOT): (path: string) => boolean {
  if (globs.length === 0) return () => false;
  const names = globs.filter((glob) => !glob.includes('/')).map(translate);
  const paths = globs.filter((glob) => glob.includes('/')).map((glob) => segmentsOf(glob).map(translate).join('/'));
  const either = [...(names.length > 0 ? [`(?:.*/)?(?:${names.join('|')})`] : []), ...paths].join('|');
  const pattern = new RegExp(`^(?!$)(?:${either})(?:/.*)?$`, 's');
  return roots.length === 1 ? (path) => pattern.test(path) : (path) => pattern.test(withinRoot(roots, path));
}

/** Whether a glob may match paths below a directory because of where that lies. Then moving it may change what is excluded in it. */
export function excludedByPlace(globs: readonly string[], roots = ONE_ROOT): (directory: string) => boolean {
  const above = globs.flatMap((glob) => {
    const segments = segmentsOf(glob).map(translate);
    return segments.slice(1).map((_, index) => segments.slice(0, index + 1).join('/'));
  });
  if (above.length === 0) return () => false;
  const pattern = new RegExp(`^(?:${above.join('|')})$`, 's');
  return (directory) => pattern.test(withinRoot(roots, directory));
}

/** A directory that moves. */
export interface Move {
  readonly from: string;
  readonly to: string;
}

/** What is excluded in a directory where it comes from and is not where it goes, as it is called there. @param at where it is now */
export function* revealed(
  tree: ReplicaTree,
  { from, to }: Move,
  at: string,
  excluded: (path: string) => boolean,
  byPlace: (directory: string) => boolean,
): Generator<string> {
  const stat = byPlace(from) ? tree.stat(at) : null;
  if (stat === null || (stat.mode & S_IFMT) !== S_IFDIR) return;
  for (const name of tree.names(at)) {
    const below = { from: joinPath(from, name), to: joinPath(to, name) };
    if (excluded(below.to)) continue;
    if (excluded(below.from)) yield below.to;
    else yield* revealed(tree, below, joinPath(at, name), excluded, byPlace);
  }
}

/**
 * What an earlier life of this replica as the primary, or a move to where nothing is replicated, has left behind in what is about to be moved, and
 * would be replicated where it goes. The primary knows nothing of it. Paths as they are before the rename.
 */
export function leftovers(
  tree: ReplicaTree,
  { from, to, flags }: Rename,
  excluded: (path: string) => boolean,
  byPlace: (directory: string) => boolean,
): string[] {
  const moves =
    (flags & RENAME_EXCHANGE) === 0
      ? [{ from, to }]
      : [
          { from, to },
          { from: to, to: from },
        ];
  return moves.flatMap((move) =>
    [...revealed(tree, move, move.from, excluded, byPlace)].map((path) => move.from + path.slice(move.to.length)),
  );
}

/** A slash in front only says that the glob speaks of a path. */
function segmentsOf(glob: string): string[] {
  return glob.replace(/^\//, '').split('/');
}

function translate(segment: string): string {
  return toByteString(segment).replace(/\[!?[^\]]+\]|[\s\S]/g, (part) => {
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (part.length > 1) {
      return `(?!/)[${part[1] === '!' ? '^' : ''}${part.slice(part[1] === '!' ? 2 : 1, -1).replace(/[\\^]/g, '\\$&')}]`;
    }
    return part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  });
}
