import type { EventName } from './events.ts';
import type { Contender } from './system.ts';

export interface PlannedRun {
  readonly round: number;
  readonly event: EventName;
  readonly contender: Contender;
}

/** All runs in their order: in each round every event once with every contender, another one of which is first each time. */
export function planOf(
  contenders: readonly Contender[],
  events: readonly EventName[],
  rounds: number,
): readonly PlannedRun[] {
  return Array.from({ length: rounds }, (_, index) =>
    events.flatMap((event) => {
      const able = contenders.filter(({ leftOut }) => leftOut[event] === undefined);
      const turned = able.map((_each, place) => able[(place + index) % able.length] as Contender);
      return turned.map((contender) => ({ round: index + 1, event, contender }));
    }),
  ).flat();
}

/** How long the runs that are left will take, by those of the same kind that are over, or by all. */
export function minutesLeft(
  left: readonly PlannedRun[],
  over: readonly { readonly run: PlannedRun; readonly seconds: number }[],
): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;
  const overall = over.length === 0 ? 45 : mean(over.map(({ seconds }) => seconds));
  const expected = left.map(({ event, contender }) => {
    const alike = over.filter(({ run }) => run.event === event && run.contender === contender);
    return alike.length === 0 ? overall : mean(alike.map(({ seconds }) => seconds));
  });
  return Math.ceil(expected.reduce((sum, each) => sum + each, 0) / 60);
}
