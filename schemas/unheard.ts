/** What an agent shows of a replica of which it was never told anything, since its own start. */
import type { ReplicaStatus } from './generated/api.ts';

/** No state is as old as this one. */
export const unheardSince = new Date(0).toISOString();

export function isUnheard({ since }: Pick<ReplicaStatus, 'since'>): boolean {
  return since === unheardSince;
}
