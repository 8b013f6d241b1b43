import type { Snapshot } from '../../schemas/generated/api.ts';
import type { EventCount } from './facade.ts';

/** What alarms wait for begins at 0, for each module of the host: where a series begins with its first event no increase is seen. */
export const countedFromZero: readonly (readonly [level: EventCount['level'], code: string])[] = [
  ['warn', 'FAILED_OVER'],
  ['info', 'SWITCHED_OVER'],
  ['warn', 'STARTED_BY_FORCE'],
  ['warn', 'SERVER_DIED'],
  ['warn', 'SERVER_UNHEALTHY'],
  ['error', 'FENCED'],
  ['warn', 'PEER_FENCED'],
  ['error', 'PARKED'],
];

/** The events of a host as samples of a counter. */
export function eventSamples(
  { modules, self }: Snapshot,
  events: readonly EventCount[],
): (readonly [labels: Readonly<Record<string, string>>, value: number])[] {
  const own = modules.filter(({ hosts }) => hosts.includes(self)).map(({ name }) => name);
  const isCounted = (module: string, level: string, code: string): boolean =>
    events.some((each) => each.module === module && each.level === level && each.code === code);
  const zeros = own.flatMap((module) =>
    countedFromZero
      .filter(([level, code]) => !isCounted(module, level, code))
      .map(([level, code]): EventCount => ({ module, level, code, count: 0 })),
  );
  return [...zeros, ...events].map(({ module, level, code, count }) => [
    { ...(module === null ? {} : { module }), level, code },
    count,
  ]);
}
