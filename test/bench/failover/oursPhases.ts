import type { EventName } from './events.ts';
import type { Phases } from './system.ts';

/** An entry of the log of any host, by `monotonicMs`. */
export interface Told {
  readonly code: string;
  readonly atMs: number;
}

/** The entries of the log by which a host tells that it knows: the first of them counts. */
const knows: Readonly<Record<EventName, readonly string[]>> = {
  powerLoss: ['PRIMARY_SILENT'],
  linkCut: ['PRIMARY_SILENT'],
  // The mirror process tells of the end; where that cannot be, the silence does.
  agentKill: ['PRIMARY_ENDED', 'PRIMARY_SILENT'],
  guestCrash: ['SERVER_DIED'],
  switchover: [],
};

/** The log has the wall clock's milliseconds. */
const roundedMs = 1;
/** The start is told before the process begins, whose moment the kernel tells in hundredths of a second. */
const startToleranceMs = 20;

/** When it was known, decided and carried out; null where the log does not tell. */
export function phasesOf(log: readonly Told[], event: EventName, faultMs: number, startedMs: number): Phases {
  const momentsOf = (codes: readonly string[]): readonly number[] =>
    log.filter(({ code, atMs }) => codes.includes(code) && atMs >= faultMs - roundedMs).map(({ atMs }) => atMs);
  const known = momentsOf(knows[event]);
  const knownMs = known.length === 0 ? null : Math.min(...known);
  const orderedMs = momentsOf(['SERVER_STARTING']).findLast((moment) => moment <= startedMs + startToleranceMs) ?? null;
  return {
    detectionMs: knownMs === null ? null : knownMs - faultMs,
    decisionMs: knownMs === null || orderedMs === null ? null : orderedMs - knownMs,
    startMs: orderedMs === null ? null : startedMs - orderedMs,
  };
}
