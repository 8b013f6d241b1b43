import type { LineageEntry, LineageRange } from './types.ts';

/** Consecutive epochs with the same primary as one range each: a replica that was restarted a hundred times has one history still. */
export function rangesOf(lineage: readonly LineageEntry[]): LineageRange[] {
  const ranges: LineageRange[] = [];
  for (const { epoch, primary, apart, repair } of lineage) {
    const last = ranges.at(-1);
    if (!apart && !repair && last && last.primary === primary && last.epoch + 1 === epoch) {
      ranges[ranges.length - 1] = { ...last, epoch };
    } else ranges.push({ from: epoch, epoch, primary, ...(apart ? { apart } : {}), ...(repair ? { repair } : {}) });
  }
  return ranges;
}
