/**
 * Processes that ran at one moment. The system's list is read one process after another: one that has ended and its successor can both be in it. So
 * when there seem to be too many it is read again, and who is in both was there together with the others.
 */
export function atOnce<T extends { readonly pid: number }>(
  look: () => readonly T[],
  areTooMany: (seen: readonly T[]) => boolean,
): readonly T[] {
  const seen = look();
  if (!areTooMany(seen)) return seen;
  const again = new Set(look().map(({ pid }) => pid));
  return seen.filter(({ pid }) => again.has(pid));
}
