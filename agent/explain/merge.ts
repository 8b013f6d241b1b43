/** The same story at several paces, as one whose times are ranges. */
import { startsOf, type Phase, type Span } from './observed.ts';

/** What of a phase is the same whatever the pace, where nothing hangs on it. */
function shapeOf(phase: Phase): string {
  const { before, after, turns, last, refused, fenced, aside, lost, twoServers, isEndless } = phase;
  if (isEndless && startsOf(phase).length > 1) {
    // Where it stands when nobody looks any more says nothing.
    const hosts = [...new Set(startsOf(phase).map(({ host }) => host))].sort();
    return JSON.stringify([before, hosts, aside, lost === null, twoServers.max > 0]);
  }
  const first = turns.filter(
    ({ host, turn }, index) => turns.findIndex((t) => t.host === host && t.turn === turn) === index,
  );
  return JSON.stringify([
    before,
    after,
    first.map(({ host, turn }) => `${host} ${turn}`).sort(),
    last.map(({ host, state, server }) => [host, state, server]),
    [refused.length, fenced, aside, lost === null, twoServers.max > 0],
  ]);
}

/** @param stories of one fault, the one that is told first */
export function merged(stories: readonly (readonly Phase[])[]): {
  readonly told: readonly Phase[];
  /** Those that come to something else, by chance of the moment. */
  readonly others: readonly (readonly Phase[])[];
} {
  const [reference = []] = stories;
  const shape = reference.map(shapeOf).join();
  const alike = stories.filter((story) => story.map(shapeOf).join() === shape);
  const others = new Map(
    stories.filter((story) => !alike.includes(story)).map((story) => [story.map(shapeOf).join(), story] as const),
  );
  const told = reference.map((phase, index) => mergedPhase(alike.flatMap((story) => story[index] ?? phase)));
  return { told, others: [...others.values()] };
}

function mergedPhase(phases: readonly Phase[]): Phase {
  const [phase] = phases;
  if (phase === undefined) throw new Error('there is nothing to merge');
  const spans = (of: (each: Phase) => Span | undefined): Span => hull(phases.flatMap((each) => of(each) ?? []));
  return {
    ...phase,
    turns: phase.turns.map((turn, index) => ({
      ...turn,
      // A pace may have had more of them, or in another order: then it says nothing of this one.
      after: spans(({ turns }) => {
        const same = turns[index];
        return same?.host === turn.host && same.turn === turn.turn ? same.after : undefined;
      }),
    })),
    waits: phase.waits.map((wait) => ({
      ...wait,
      ms: spans(({ waits }) => waits.find(({ host }) => host === wait.host)?.ms),
    })),
    twoServers: spans(({ twoServers }) => twoServers),
    leftover: spans(({ leftover }) => leftover),
  };
}

function hull(spans: readonly Span[]): Span {
  return { min: Math.min(...spans.map(({ min }) => min)), max: Math.max(...spans.map(({ max }) => max)) };
}
