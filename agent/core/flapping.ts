/**
 * Failovers that nobody asked for are counted: after too many of them another one will not mend what is wrong. The count is durable, as what is
 * wrong may be that hosts lose their power.
 */
import type { Draft } from './draft.ts';

export function countFailover(draft: Draft): void {
  const { failoverPeriodMs } = draft.config;
  const recent = draft.state.failovers.filter((at) => draft.now - at < failoverPeriodMs);
  keep(draft, [...recent, draft.now]);
}

/** An operator has mended the cause: what was before does not count any more. */
export function forgetFaults(draft: Draft): void {
  draft.state.restarts = [];
  if (draft.state.failovers.length > 0) keep(draft, []);
}

function keep(draft: Draft, failovers: readonly number[]): void {
  draft.state.failovers = failovers;
  draft.emit({ type: 'saveFailovers', agesMs: agesOf(failovers, draft.now) });
}

/** How long ago each of them was, as it is told to another life of the agent. */
export function agesOf(times: readonly number[], now: number): number[] {
  return times.map((at) => now - at);
}

/** How many failovers there were when no more are allowed; null: another one is. */
export function tooManyFailovers(draft: Draft): number | null {
  const { failoverPeriodMs, maxFailovers } = draft.config;
  const { length } = draft.state.failovers.filter((at) => draft.now - at < failoverPeriodMs);
  return length < maxFailovers ? null : length;
}

/**
 * Stops the module on both hosts until an operator starts it. Unlike a host that waits for reasons of its own, it must not be started by the
 * other one: so it is the wish that changes, which both hosts keep.
 */
export function park(draft: Draft, reason: string): void {
  const { module } = draft.config;
  draft.log('error', 'PARKED', `${module} is parked until an operator starts it: ${reason}`);
  draft.state.desired = { value: 'stopped', sequence: draft.state.desired.sequence + 1, parked: reason };
  draft.emit({ type: 'saveDesired', desired: draft.state.desired });
}
