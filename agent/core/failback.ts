/**
 * Going back to the preferred host by itself, once the pair has been whole for long enough. It is a move in order as a switchover is; one that
 * came to nothing, or was followed by another failover, is tried again later and later.
 */
import { fitter } from './conditions.ts';
import type { Draft } from './draft.ts';
import { beginLeaving } from './leaving.ts';
import { isInMaintenance } from './maintenance.ts';
import { canTake, freer } from './placement.ts';
import type { ModuleCoreState } from './types.ts';

/** What is planned. `dueAt`: by this host's clock; null: not before what it waits for. */
export interface FailbackPlan {
  readonly to: string;
  readonly dueAt: number | null;
  readonly waitsFor: string | null;
}

/** Null: the module stays where it is, or is where it should be. */
export function failbackOf(state: ModuleCoreState, now: number): FailbackPlan | null {
  const { config, role } = state;
  const [to] = config.hosts;
  if (role.at !== 'primary' || config.failback !== 'automatic' || !config.automatic || to === config.self) return null;
  const waitsFor = hindrance(state, now);
  const { readySince } = state.failback;
  const dueAt = readySince === null ? null : readySince + waitMs(state);
  // Only the time of the agent's own hindrances, such as a window, can be told.
  const isKnown = waitsFor === null || waitsFor === state.failback.hindrance;
  return { to, dueAt: isKnown ? dueAt : null, waitsFor };
}

/** When it begins if nothing changes until then; Infinity: time alone does not begin it. */
export function failbackAt(state: ModuleCoreState, now: number): number {
  const plan = failbackOf(state, now);
  return plan === null || plan.waitsFor !== null ? Infinity : (plan.dueAt ?? Infinity);
}

function hindrance(state: ModuleCoreState, now: number): string | null {
  const { config, desired, peer, failback } = state;
  const { module, self } = config;
  const [to] = config.hosts;
  if (desired.stay === self) {
    return `an operator moved ${module} to ${self}: it stays until the next failover, or \`understudy switchover ${module}\``;
  }
  if (peer.status?.drain) return `\`understudy undrain ${to}\``;
  const apart =
    peer.status?.barred ?? (peer.status && freer(state, peer.status) === 'self' ? peer.status.avoids : null);
  if (apart) return apart;
  if (failback.readySince === null) return `${to} to be in sync, able to take it, and fit to be primary`;
  if (isInMaintenance(state, now)) return 'the end of the maintenance';
  return failback.hindrance;
}

/** Each attempt that was followed by nothing lasting doubles the time until the next one. */
function waitMs({ config, failback }: ModuleCoreState): number {
  const longest = Math.max(config.failbackAfterMs, config.failoverPeriodMs);
  return Math.min(config.failbackAfterMs * 2 ** failback.attempts.length, longest);
}

/** The module's file names another host first. The pair was not whole to go back to that one: the time begins anew. */
export function otherIsPreferred({ state }: Draft): void {
  state.failback = { ...state.failback, readySince: null };
}

/** With every step, after everything else. */
export function settleFailback(draft: Draft): void {
  const { state, now } = draft;
  const { config, role } = state;
  const { status } = state.peer;
  const isWhole =
    role.at === 'primary' && role.link.kind === 'both' && role.server.kind === 'running' && role.leaving === null;
  const isReady =
    isWhole &&
    status !== null &&
    canTake(status) &&
    !status.drain &&
    (fitter(state, status) ?? freer(state, status)) !== 'self';
  if (isReady !== (state.failback.readySince !== null)) {
    const attempts = state.failback.attempts.filter((at) => now - at < config.failoverPeriodMs);
    state.failback = { ...state.failback, readySince: isReady ? now : null, attempts };
    if (isReady) announce(draft);
  }
  const isBusy = state.pending !== null || state.commands.length > 0 || state.shuttingDown || state.detached;
  if (!isReady || isBusy || !draft.arbiterReachable || now < failbackAt(state, now) || !draft.freshPeer()) return;
  const attempts = [...state.failback.attempts, now];
  state.failback = { ...state.failback, readySince: null, attempts };
  draft.log('info', 'FAILBACK', `${config.module} goes back to ${config.peer}, its preferred host`, {
    attempt: attempts.length,
  });
  beginLeaving(draft, role, 'failback');
}

function announce(draft: Draft): void {
  const { state, now, config } = draft;
  const plan = failbackOf(state, now);
  if (plan === null) return;
  const { to, waitsFor } = plan;
  const seconds = plan.dueAt === null ? null : Math.ceil((plan.dueAt - now) / 1000);
  const tries = state.failback.attempts.length;
  const often = tries === 1 ? 'once' : `${String(tries)} times`;
  const again = tries === 0 ? '' : `; it went back ${often} and did not stay there, so it waits longer`;
  draft.log(
    'info',
    'FAILBACK_PLANNED',
    seconds === null
      ? `failback of ${config.module} to ${to} waits for: ${String(waitsFor)}`
      : `failback of ${config.module} to ${to} in ${String(seconds)} s${waitsFor === null ? '' : `, not before: ${waitsFor}`}${again}`,
    { seconds },
  );
}
