import type { ArbiterRecord } from '../../agent/core/types.ts';

/** A record that names one host. */
export function arbiterRecord(epoch: number, primary: string, proposal: string): ArbiterRecord {
  return { epoch, primary, inSync: [primary], base: epoch - 1, cause: 'start', proposal };
}
