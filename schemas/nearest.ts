/** Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, substitutions and swaps of neighbours. */
export function editDistance(a: string, b: string): number {
  const width = b.length + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: width }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const present = [row];
    for (let column = 1; column < width; column += 1) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      let best = Math.min((last[column] ?? 0) + 1, (present[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + cost);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) best = Math.min(best, (beforeLast[column - 2] ?? 0) + 1);
      present.push(best);
    }
    beforeLast = last;
    last = present;
  }
  return last[width - 1] ?? 0;
}

/** The known word that `word` was most likely meant to be; null when none is near enough to be worth telling. */
export function nearest(word: string, known: readonly string[]): string | null {
  const asked = word.toLowerCase();
  if (asked.length === 0 || asked.length > 64) return null;
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const lower = candidate.toLowerCase();
    const distance = editDistance(asked, lower);
    // A third of the letters may be wrong; a word cut short ("mem") still counts as near.
    const limit = Math.max(1, Math.floor(Math.max(asked.length, lower.length) / 3));
    const isShortened = asked.length >= 3 && (lower.startsWith(asked) || asked.startsWith(lower));
    if ((distance <= limit || isShortened) && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
