/**
 * Changing the detection time while the module runs. The primary's lease has to end before the secondary takes over, whatever each of the two
 * has learned of the change: so the primary counts by the shorter one of its own and what the secondary told last, and a host takes a
 * shorter one only when the other is known to have heard of it. No order of changes, no crash, and no difference that lasts can then leave a
 * lease that is longer than the other host's patience.
 */
import type { Draft } from './draft.ts';
import { otherIsPreferred } from './failback.ts';
import type { Detection, ModuleConfig } from './types.ts';

/** The module's file is another one. */
export function configChanged(draft: Draft, config: ModuleConfig): void {
  const { state, now } = draft;
  const before = state.config;
  state.config = config;
  if (config.hosts[0] !== before.hosts[0]) otherIsPreferred(draft);
  if (config.detectionMs === before.detectionMs) return;
  promise(draft, { promisedMs: Math.max(state.detection.promisedMs, config.detectionMs), since: now, isHeard: false });
}

/** The other host has heard what was sent then. */
export function heardByPeer(draft: Draft, sentAt: number): void {
  const { detection } = draft.state;
  if (!detection.isHeard && sentAt > detection.since) draft.state.detection = { ...detection, isHeard: true };
}

/** Only now: its silence counts from here, and by what it has shortened its lease to. */
export function peerIsHeard(draft: Draft): void {
  const { detection, config } = draft.state;
  if (!detection.isHeard || detection.promisedMs === config.detectionMs) return;
  promise(draft, { ...detection, promisedMs: config.detectionMs });
}

function promise(draft: Draft, detection: Detection): void {
  draft.state.detection = detection;
  draft.emit({ type: 'savePromisedDetection', promisedMs: detection.promisedMs });
}
