/**
 * Maintenance: until its end the module is neither restarted nor taken over by itself. It decides only who begins what; leases, fencing and
 * epochs hold as ever, and so does what an operator asks for.
 */
import type { Draft } from './draft.ts';
import { refusal, type Refusal } from './refusal.ts';
import { yieldsTie } from './tie.ts';
import type { Maintenance, MaintenanceWish, ModuleCoreState, Outcome, ToldMaintenance } from './types.ts';

export function isInMaintenance({ maintenance }: Pick<ModuleCoreState, 'maintenance'>, now: number): boolean {
  return maintenance !== null && maintenance.until !== null && now < maintenance.until;
}

/** Whether nothing may be started now by anybody but an operator. What one asked for since, and nothing has run for yet, is carried out. */
export function isHeld({ state, now }: Draft): boolean {
  return isInMaintenance(state, now) && state.desired.sequence <= state.carriedOut;
}

/** When the maintenance has to be looked at again; Infinity: time alone changes nothing about it. */
export function maintenanceEnd({ maintenance }: ModuleCoreState): number {
  const until = maintenance?.until ?? -Infinity;
  return until === -Infinity ? Infinity : until;
}

/** Why something that would be done otherwise is not, and what to do. */
export function heldReason({ config, state }: Draft): string {
  const { reason } = state.maintenance ?? {};
  return (
    `${config.module} is in maintenance${reason ? ` (${reason})` : ''}: it is started at the end of it, ` +
    `by \`understudy start ${config.module}\`, or after \`understudy maintenance ${config.module} --end\``
  );
}

export function beginMaintenance(draft: Draft, { forMs, reason, by }: MaintenanceWish): null {
  const sequence = (draft.state.maintenance?.sequence ?? 0) + 1;
  take(draft, { sequence, until: draft.now + forMs, forMs, reason, by });
  return null;
}

export function endMaintenance(draft: Draft, by: string): Refusal | null {
  const { maintenance, config } = draft.state;
  if (maintenance === null || !isInMaintenance(draft.state, draft.now)) {
    return refusal('ALREADY', `${config.module} is not in maintenance`);
  }
  take(draft, { ...maintenance, sequence: maintenance.sequence + 1, until: null, by });
  return null;
}

/** The later word holds on both hosts. */
export function learnMaintenance(draft: Draft, heard: ToldMaintenance | null): void {
  const { maintenance, config } = draft.state;
  if (!heard) return;
  const isLater = heard.sequence > (maintenance?.sequence ?? 0);
  const isTied = heard.sequence === maintenance?.sequence && yieldsTie(config) && isOther(maintenance, heard);
  if (!isLater && !isTied) return;
  const { leftMs, ...rest } = heard;
  // From now, by this host's own clock: what was told is how much was left.
  take(draft, { ...rest, until: leftMs === null ? null : leftMs > 0 ? draft.now + leftMs : -Infinity });
}

/** What is left counts down on each host by itself: that is no other word. */
function isOther(own: Maintenance, other: ToldMaintenance): boolean {
  const { forMs, reason, by } = own;
  return (
    (own.until === null) !== (other.leftMs === null) ||
    forMs !== other.forMs ||
    reason !== other.reason ||
    by !== other.by
  );
}

export function toldMaintenance({ maintenance }: ModuleCoreState, now: number): ToldMaintenance | null {
  return maintenance && told(maintenance, now);
}

function told({ until, ...rest }: Maintenance, now: number): ToldMaintenance {
  return { ...rest, leftMs: until === null ? null : Math.max(0, Math.ceil(until - now)) };
}

/** Durable before anything is done about it. */
function take(draft: Draft, maintenance: Maintenance): void {
  const { module } = draft.config;
  const wasIn = isInMaintenance(draft.state, draft.now);
  draft.state.maintenance = maintenance;
  draft.emit({ type: 'saveMaintenance', maintenance: told(maintenance, draft.now) });
  const { until, reason, by } = maintenance;
  if (until !== null && until > draft.now) {
    draft.state.carriedOut = draft.state.desired.sequence;
    const seconds = Math.ceil((until - draft.now) / 1000);
    const why = reason ? `: ${reason}` : '';
    draft.log('warn', 'MAINTENANCE', `${module} is in maintenance for ${String(seconds)} s${why} (${by})`, { seconds });
  } else if (wasIn) {
    draft.log('info', 'MAINTENANCE_ENDED', `the maintenance of ${module} has ended${until === null ? ` (${by})` : ''}`);
    goOn(draft);
  }
}

/** With every step: the end of the time, and whether what an operator asked for last has been carried out. */
export function settleMaintenance(draft: Draft): void {
  const { state, now } = draft;
  const { maintenance, role } = state;
  const runs = (role.at === 'primary' && role.server.kind === 'running') || draft.freshPeer()?.serverRunning === true;
  if (runs) state.carriedOut = state.desired.sequence;
  if (maintenance === null || maintenance.until === null || maintenance.until === -Infinity) return;
  if (now < maintenance.until) return;
  state.maintenance = { ...maintenance, until: -Infinity };
  draft.log('info', 'MAINTENANCE_ENDED', `the maintenance of ${draft.config.module} has ended: its time is over`);
  goOn(draft);
}

/** What was held up begins now: how long that takes counts from here. */
function goOn(draft: Draft): void {
  const { role } = draft.state;
  if (role.at === 'waiting') draft.become({ ...role, since: draft.now });
}

export function maintenanceOutcome(draft: Draft): Outcome | null {
  const { maintenance, config } = draft.state;
  const peer = draft.freshPeer();
  const knows = (peer?.maintenance?.sequence ?? 0) >= (maintenance?.sequence ?? 0);
  if (peer && !knows) return null;
  const until = isInMaintenance(draft.state, draft.now)
    ? `${config.module} is in maintenance: it is neither restarted nor taken over by itself until the end`
    : `the maintenance of ${config.module} has ended`;
  const note = peer ? '' : `; ${config.peer} is not reachable and learns it when it is back`;
  return { ok: true, message: `${until}${note}` };
}
