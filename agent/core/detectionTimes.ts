/** How long the other host has to be silent, and how long this one may go on: see detection.ts for why they differ. */
import type { Detection, ModuleConfig, ModuleCoreState } from './types.ts';

type Timed = Pick<ModuleCoreState, 'config' | 'detection' | 'peer'>;

/** @param promisedMs what the other host may still count on from an earlier life; null: nothing */
export function initialDetection(config: ModuleConfig, promisedMs: number | null, now: number): Detection {
  return { promisedMs: Math.max(promisedMs ?? 0, config.detectionMs), since: now, isHeard: false };
}

/** How long the other host has to be silent until this one takes it for failed. While the two differ it sends its heartbeats for the longer one. */
export function detectionMsOf({ config, detection, peer }: Timed): number {
  return Math.max(config.detectionMs, detection.promisedMs, peer.status?.detectionMs ?? 0);
}

/** Of what time this host's lease as a primary is a part. */
export function leaseBasisMs({ config, peer }: Timed): number {
  return Math.min(config.detectionMs, peer.status?.detectionMs ?? Infinity);
}
