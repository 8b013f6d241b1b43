/** One attempt of the outside client, by `monotonicMs`. */
export interface Probe {
  readonly sentMs: number;
  /** Null: there was no answer in time. */
  readonly answeredMs: number | null;
}

/** Answers that are so far apart are an interruption: a probe's own time-out and some more. */
export const interruptionMs = 300;

export interface ServiceGap {
  /** From the last good answer to the first good one; the longest pause between two answers when there was no interruption. */
  readonly gapMs: number;
  readonly interrupted: boolean;
  /** When the service was back for good. */
  readonly endMs: number;
}

const answersOf = (probes: readonly Probe[]): readonly number[] =>
  probes.flatMap(({ answeredMs }) => (answeredMs === null ? [] : [answeredMs])).sort((one, other) => one - other);

/**
 * How long a client was without the service after a fault. A service that comes back and goes away again was not back: several
 * interruptions count from the begin of the first to the end of the last. Null when nothing was answered after the fault.
 */
export function serviceGap(probes: readonly Probe[], faultMs: number): ServiceGap | null {
  const answers = answersOf(probes);
  const pauses = answers.flatMap((endMs, index) => {
    const beginMs = answers[index - 1];
    return beginMs === undefined || endMs < faultMs ? [] : [{ beginMs, endMs }];
  });
  const interruptions = pauses.filter(({ beginMs, endMs }) => endMs - beginMs >= interruptionMs);
  const [first, last] = [interruptions.at(0), interruptions.at(-1)];
  if (first && last) return { gapMs: last.endMs - first.beginMs, interrupted: true, endMs: last.endMs };
  const longest = pauses.reduce<(typeof pauses)[number] | null>(
    (found, each) => (found === null || each.endMs - each.beginMs > found.endMs - found.beginMs ? each : found),
    null,
  );
  return longest && { gapMs: longest.endMs - longest.beginMs, interrupted: false, endMs: longest.endMs };
}

/** Whether the service has answered without an interruption for so long, up to now. */
export function isSteady(probes: readonly Probe[], nowMs: number, forMs: number): boolean {
  const answers = answersOf(probes);
  const beginMs = nowMs - forMs;
  // The answer before the period tells that it did not begin in an interruption.
  const before = answers.findLast((each) => each <= beginMs);
  if (before === undefined) return false;
  const moments = [before, ...answers.filter((each) => each > beginMs && each <= nowMs), nowMs];
  return moments.every((each, index) => index === 0 || each - (moments[index - 1] ?? each) < interruptionMs);
}

/** The longest time after a fault in which the client asked nothing: what held it up may have held up everything else, too. */
export function longestSilenceOfClient(probes: readonly Probe[], faultMs: number): number {
  const sent = probes.map(({ sentMs }) => sentMs).sort((one, other) => one - other);
  return sent.reduce((longest, each, index) => {
    const previous = sent[index - 1];
    return previous === undefined || each < faultMs ? longest : Math.max(longest, each - previous);
  }, 0);
}
