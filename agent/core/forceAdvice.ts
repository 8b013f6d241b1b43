/**
 * Where a host waits for the other one: what an operator may decide, with the command and what it costs. It is said only where `force` would be
 * carried out and makes sense; a host that is at hand and can start by itself is waited for.
 */
import { detectionMsOf } from './detectionTimes.ts';
import type { Draft } from './draft.ts';
import { isInDoubt } from './ownDisk.ts';
import type { ArbiterRecord, ModuleCoreState, PeerStatus } from './types.ts';

export function forceCommand(module: string, host: string): string {
  return `\`understudy force-primary ${module} --host ${host}\``;
}

/** Whether an operator could start what this host holds: of half of one content and half of another nothing can be made. */
export function isOfUse({ replica }: Pick<ModuleCoreState, 'replica'>): boolean {
  return replica.consistent || replica.restorable === true;
}

/** Of a peer that is not at hand. */
export function awayText(draft: Draft): string {
  return isHeard(draft) ? 'which is reachable but has not opened the module (see its log)' : 'which is not reachable';
}

/**
 * Goes on after what is waited for while the peer is not at hand.
 * @param outcome what comes of it, where that is not what is usual
 */
export function adviceWithoutPeer(draft: Draft, outcome = outcomeHere(draft)): string {
  const { module, self, peer } = draft.config;
  if (!isOfUse(draft.state)) return `; nothing can be started from the unfinished resync of ${self}`;
  const condition = isHeard(draft) ? `what ${peer} holds is lost` : `${peer} is off for good`;
  return `; if ${condition}, ${forceCommand(module, self)} ${outcome}`;
}

/**
 * Waits for the other host, which has what this one lacks, or for an operator when that one does not start by itself either.
 * @param lack what speaks against a start here
 * @param purpose what the other host is to do, beginning with "to"
 */
export function waitForPeer(
  draft: Draft,
  peer: PeerStatus | null,
  record: ArbiterRecord,
  lack: string,
  purpose = '',
): void {
  const { peer: peerName } = draft.config;
  if (peer === null) {
    const away = `${peerName}, ${awayText(draft)}${purpose && `, ${purpose}`}`;
    draft.wait(`${lack}: waiting for ${away}${adviceWithoutPeer(draft)}`);
    return;
  }
  const why = whyPeerCannot(draft, peer, record);
  const choice = why === null ? null : chosenHost(draft, peer);
  if (why === null || choice === null) {
    draft.wait(`${lack}: waiting for ${peerName}${purpose && ` ${purpose}`}`);
    return;
  }
  const isHere = choice === draft.config.self;
  const outcome = isHere
    ? outcomeHere(draft)
    : `starts ${draft.config.module} without what only ${draft.config.self} holds`;
  draft.wait(
    `${lack}, and ${peerName} ${why}: neither starts by itself; ${forceCommand(draft.config.module, choice)} ${outcome}`,
    { stuck: isHere },
  );
}

function outcomeHere(draft: Draft): string {
  const { module, self, peer } = draft.config;
  const tail = draft.tail();
  if (tail === null) return `starts ${module} with what lies on ${self}, without anything that was written on ${peer}`;
  return draft.state.replica.consistent
    ? `starts ${module} without what only ${peer} holds`
    : `starts ${module} as it was on ${self} at epoch ${String(tail.epoch)}`;
}

/** Its agent is there. */
function isHeard({ now, state }: Draft): boolean {
  const { closedAt } = state.peer;
  return closedAt !== null && now - closedAt < detectionMsOf(state);
}

/** Why the other host, which is at hand, will not start by the record either; null: it may, or is about something. */
function whyPeerCannot(draft: Draft, peer: PeerStatus, record: ArbiterRecord): string | null {
  if (peer.role !== 'none') return null;
  if (!record.inSync.includes(draft.config.peer)) return 'is not in sync either';
  if (!peer.consistent) return 'holds an unfinished resync';
  const { epoch, primary, base } = record;
  const isOther = peer.lineage.some(
    (range) => range.from <= epoch && epoch <= range.epoch && range.primary !== primary,
  );
  if (isOther) return 'holds another history';
  const tail = peer.lineage.at(-1);
  if (tail === undefined) return 'holds no copy';
  if (tail.epoch < base) return `ends at epoch ${String(tail.epoch)}`;
  // With this disk failed, an operator is needed when the other one does not serve it either: it may have failed as well.
  const doesNotServe = !peer.able && peer.desired.value === 'started';
  return isInDoubt(draft.state, record) && doesNotServe ? 'does not start it (see its reason)' : null;
}

/** Which host's copy an operator would rather start: the one that goes further. Null: neither is known to be of use. */
function chosenHost(draft: Draft, peer: PeerStatus): string | null {
  const mine = isOfUse(draft.state) ? (draft.tail()?.epoch ?? 0) : -1;
  const theirs = peer.consistent ? (peer.lineage.at(-1)?.epoch ?? 0) : -1;
  if (mine < 0 && theirs < 0) return null;
  return theirs > mine ? draft.config.peer : draft.config.self;
}
