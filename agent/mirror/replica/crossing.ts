import type { Mutation } from '../mutation.ts';
import type { Rename } from '../resync/renames.ts';

type Matches = (path: string) => boolean;

/** A rename or a link that makes something replicated or no longer so. */
export interface Crossing {
  readonly mutation: Mutation;
  /** The follower is told of the change itself, too, before it gets anything anew: it has what the change speaks of. */
  readonly told: boolean;
  /** What the follower is to get anew, for it has it not at all or under names that it does not keep in step. */
  readonly anew: readonly string[];
}

/** Whether all that a change speaks of is excluded. The file of a link may have no name at all. */
export function isHidden(mutation: Mutation, excluded: Matches): boolean {
  switch (mutation.kind) {
    case 'rename':
      return excluded(mutation.from) && excluded(mutation.to);
    case 'link':
      return (mutation.file.path === null || excluded(mutation.file.path)) && excluded(mutation.path);
    default:
      return 'path' in mutation && excluded(mutation.path);
  }
}

/**
 * How a change crosses the border of what is replicated, null when it does not: by the names that it speaks of, or (a directory that moves) by
 * names below them.
 * @param revealedBy what a rename of two names that are replicated makes replicated
 */
export function crossingOf(
  mutation: Mutation,
  excluded: Matches,
  revealedBy: (rename: Rename) => readonly string[],
): Crossing | null {
  if (mutation.kind === 'link') {
    const { file, path } = mutation;
    const hides = excluded(path);
    // A file that was made without a name is nowhere yet.
    if (file.path !== null && excluded(file.path) === hides) return null;
    return { mutation, told: false, anew: hides ? [] : [path] };
  }
  if (mutation.kind !== 'rename') return null;
  const { from, to } = mutation;
  if (excluded(from) !== excluded(to)) {
    // Nothing is there where a rename came from, unless it exchanged or left a whiteout.
    return { mutation, told: false, anew: [from, to].filter((path) => !excluded(path)) };
  }
  const anew = excluded(from) ? [] : revealedBy(mutation);
  return anew.length > 0 ? { mutation, told: true, anew } : null;
}

/** Whether a file that has no replicated name may have one after a change. */
export function mayReveal(mutation: Mutation, excluded: Matches, byPlace: Matches): boolean {
  if (mutation.kind === 'link') return !excluded(mutation.path);
  if (mutation.kind !== 'rename') return false;
  return [mutation.from, mutation.to].some((path) => excluded(path) || byPlace(path));
}
