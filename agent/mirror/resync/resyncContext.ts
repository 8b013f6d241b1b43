import type { PrimarySession } from '../link/primarySession.ts';
import type { SharedState } from '../link/sharedState.ts';
import type { DirtyTimes } from '../replica/dirtyTimes.ts';
import type { ReplicaTree } from '../replica/tree.ts';
import type { Ledger } from './ledger.ts';
import type { Pace } from './pace.ts';

export type ResyncKind = 'delta' | 'full';

/** What the parts of a resync share on the primary. */
export interface ResyncContext {
  readonly session: PrimarySession;
  readonly shared: SharedState;
  readonly tree: ReplicaTree;
  readonly dirtyTimes: DirtyTimes;
  readonly ledger: Ledger;
  readonly pace: Pace;
  /** Whether a name is not replicated. */
  readonly excluded: (path: string) => boolean;
}

/** Sends a frame of the resync's and counts it. */
export function sendCounted(context: ResyncContext, type: number, payload: Uint8Array): void {
  const bytes = context.session.send(type, payload);
  context.ledger.sent += bytes;
  context.pace.spend(bytes);
}
