/**
 * Where moments stand on a time line. What happens within a second and what happens after a minute are both to be seen: so a stretch in which
 * nothing happens is drawn the shorter the longer it is.
 */
export interface Scale {
  /** Where a moment stands, from 0 to 1. @param atMs milliseconds */
  place(atMs: number): number;
  /** What stands there. */
  moment(place: number): number;
}

/** Stretches shorter than this keep their proportions, milliseconds. */
const plainMs = 1000;
/** So that what happens at once can be told apart. */
const leastMs = 60;

/** @param moments at which something happens @param endMs where the line ends */
export function scaleOf(moments: readonly number[], endMs: number): Scale {
  const stops = [...new Set([0, ...moments.filter((at) => at > 0 && at < endMs), Math.max(endMs, 1)])].sort(
    (a, b) => a - b,
  );
  const widths = stops.slice(1).map((at, index) => widthOf(at - (stops[index] ?? 0)));
  const total = widths.reduce((sum, width) => sum + width, 0);
  const places = widths.reduce<number[]>((all, width) => [...all, (all.at(-1) ?? 0) + width / total], [0]);
  const between = (value: number, from: readonly number[], to: readonly number[]): number => {
    const after = from.findIndex((each) => each > value);
    if (after < 0) return to.at(-1) ?? 1;
    if (after === 0) return to[0] ?? 0;
    const [low, high] = [from[after - 1] ?? 0, from[after] ?? 1];
    const [start, end] = [to[after - 1] ?? 0, to[after] ?? 1];
    return start + ((value - low) / (high - low)) * (end - start);
  };
  return {
    place: (atMs) => between(atMs, stops, places),
    moment: (place) => between(place, places, stops),
  };
}

function widthOf(ms: number): number {
  const width = Math.max(ms, leastMs);
  return width <= plainMs ? width : plainMs * (1 + Math.log2(width / plainMs));
}
