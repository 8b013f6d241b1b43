/**
 * What the agent knows of other modules may hold a start back, or speak for one of two hosts. It decides only whether this host asks the
 * arbiter now; who was granted an epoch goes on as ever, so nothing of what is guaranteed depends on it.
 */
import type { Draft } from './draft.ts';
import type { ModuleCoreState, PeerStatus, Placement } from './types.ts';

/** Notes what the agent knows now; the state stays the same object as long as that is the same. */
export function notePlacement(draft: Draft, placement: Placement): void {
  const { state } = draft;
  const before = state.placement;
  if (
    before?.barred === placement.barred &&
    before.heldBackWithAll === placement.heldBackWithAll &&
    before.waitsFor === placement.waitsFor &&
    before.avoids === placement.avoids
  ) {
    return;
  }
  if (before?.waitsFor && placement.waitsFor === null) state.clearedAt = draft.now;
  state.placement = placement;
  if (heldBackBy(state) === null) state.heldBackFor = null;
}

/** An operator asked for a start whatever speaks against it, and nothing has run for that yet. */
export function goesAnyway({ desired, carriedOut }: ModuleCoreState): boolean {
  return desired.anyway === true && desired.sequence > carriedOut;
}

/** Why this host must not take the module; null: it may, as far as other modules are concerned. */
export function barredBy(state: ModuleCoreState): string | null {
  return goesAnyway(state) ? null : (state.placement?.barred ?? null);
}

/** What has to start here before the module, which waits for that; null: nothing. */
export function waitsForTurn(state: ModuleCoreState): string | null {
  return state.role.at !== 'waiting' || goesAnyway(state) ? null : (state.placement?.waitsFor ?? null);
}

/** Whether the other host of the pair would serve the module, and may. */
export function canTake(peer: PeerStatus | null | undefined): boolean {
  return peer?.able === true && (peer.barred ?? null) === null;
}

/** Which of two hosts that both could start a module has it apart from others; null: that makes no difference. */
export function freer({ placement }: ModuleCoreState, peer: PeerStatus): 'self' | 'peer' | null {
  const [own, other] = [placement?.avoids ?? null, peer.avoids ?? null];
  if ((own === null) === (other === null)) return null;
  return own === null ? 'self' : 'peer';
}

/** Why nothing is started here now by anybody but an operator; null: it may be. */
export function heldBackBy(state: ModuleCoreState): string | null {
  return goesAnyway(state) ? null : (state.placement?.barred ?? state.placement?.waitsFor ?? null);
}

/** The same with what to do. */
export function whyNotStarted(state: ModuleCoreState): string | null {
  const why = heldBackBy(state);
  return why === null ? null : `${why}; \`understudy start ${state.config.module} --anyway\` starts it all the same`;
}

/** To be called where a start would be asked for. Returns whether it is held back, and then the module waits. */
export function isHeldBack(draft: Draft, prefix = ''): boolean {
  const { state, config } = draft;
  const why = whyNotStarted(state);
  if (why === null) return false;
  if (state.heldBackFor !== why) {
    state.heldBackFor = why;
    draft.log('warn', 'START_HELD_BACK', `${config.module} is not started on ${config.self}: ${why}`);
  }
  draft.wait(`${prefix}${why}`, { heldBack: true });
  return true;
}
