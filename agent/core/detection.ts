/**
 * By which detection time hosts count. The file of the module may say another one on each host, and change while one of them cannot hear of
 * it; so the arbiter's record names the one by which its primary counts, and whoever asks to replace that record knows it.
 */
import type { ArbiterRecord, ModuleConfig } from './types.ts';

/** Of a primary: never longer than the other host knows. */
export function leaseDetectionMs({ detectionMs }: ModuleConfig, grant: ArbiterRecord): number {
  return Math.min(detectionMs, grant.detectionMs ?? detectionMs);
}

/** How long another host has to be silent to be taken for failed: never shorter than it counts on itself. */
export function silenceMs({ config, record }: { config: ModuleConfig; record: ArbiterRecord | null }): number {
  return Math.max(config.detectionMs, record?.detectionMs ?? 0);
}
