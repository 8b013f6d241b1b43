/** What led to a change, in words: for the log, and for whoever reads a record later. Nothing is decided by them. */
import type { Draft } from './draft.ts';
import type { ArbiterRecord, LeaveFor, ModuleConfig } from './types.ts';

/** Networks on which a host fell silent within so much of each other did so at the same time. */
const togetherMs = 600;

export function secondsText(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** "alpha was silent on lan and link for 3.0 s". @param silentMs for how long nothing of it was told by any network */
export function silenceText({ config, heardOn, now }: Draft, silentMs: number): string {
  const silences = heardOn.map(({ network, at }) => ({ network, ms: at === null ? null : now - at }));
  const last = silences.filter(({ ms }) => ms !== null && ms <= silentMs + togetherMs);
  const others = silences.filter((each) => !last.includes(each));
  const on = last.length > 0 ? `on ${listText(last.map(({ network }) => network))} ` : '';
  const before = others.map(({ network, ms }) =>
    ms === null ? `not heard on ${network} at all` : `on ${network} for ${secondsText(ms)}`,
  );
  return [`${config.peer} was silent ${on}for ${secondsText(silentMs)}`, ...before].join(', ');
}

export function listText(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}

/** Of a secondary that was lost for this reason. */
export function lostText(peer: string, reason: string): string {
  return reason.startsWith(peer) ? reason : `${peer} was lost: ${reason}`;
}

/** Why a record was made; one of an agent that did not say tells its kind. */
export function becauseOf({ because, cause }: ArbiterRecord): string {
  return because ?? kinds[cause];
}

const kinds: Readonly<Record<ArbiterRecord['cause'], string>> = {
  start: 'the module is to run',
  failover: 'the other host failed',
  switchover: 'it was moved in order',
  force: 'an operator forced it',
  restart: 'its server ended',
  repair: 'the other host is repaired',
};

/** "epoch 7 (alpha was silent on lan and link for 3.0 s)". */
export function recordText(record: ArbiterRecord): string {
  return `epoch ${String(record.epoch)} (${becauseOf(record)})`;
}

export function grantText({ arbiter }: ModuleConfig, epoch: number): string {
  return arbiter === 'none'
    ? `epoch ${String(epoch)}, without an arbiter`
    : `the arbiter granted epoch ${String(epoch)}`;
}

/** Why a primary gives up its role, where nothing else is known of it. */
export function leavingText(draft: Draft, leaving: LeaveFor): string {
  const { state, config } = draft;
  switch (leaving) {
    case 'stop':
      return state.desired.parked ?? 'an operator stopped it';
    case 'switchover':
      return 'an operator asked for it';
    case 'shutdown':
      return `the agent of ${config.self} is stopped`;
    case 'resolve':
      return `an operator keeps the history of ${config.peer}`;
    case 'failback':
      return `${config.peer} is its preferred host`;
    case 'conditionFailed':
      return `${config.self} does not meet a condition to be primary: ${state.conditions?.unmet ?? ''}`;
    case 'diskFailed':
      return `the disk of ${config.self} has failed (${state.replica.diskError?.code ?? ''})`;
    case 'serverFailed':
      return `its server failed on ${config.self}`;
  }
}
