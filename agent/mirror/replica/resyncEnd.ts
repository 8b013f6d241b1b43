import type { LineageEntry, ReplicaRecord } from '../mirror.ts';
import { MirrorError } from '../mirrorError.ts';
import type { RecordChange } from './record.ts';

/** What makes this replica a member of the pair, once it is durable. */
export interface FinishOrder {
  readonly syncId: string;
  readonly lineage: ReplicaRecord['lineage'];
}

/** What the record of a replica becomes when a resync into it has ended durably. */
export function recordAtEnd(own: ReplicaRecord, order: FinishOrder): RecordChange {
  const later = (own.lineage.at(-1)?.epoch ?? 0) > (order.lineage.at(-1)?.epoch ?? 0);
  // What this disk had lost is known to be there again.
  const sound = { pending: null, consistent: true, restorable: false, diskError: null, stopped: null };
  return { syncId: order.syncId, ...sound, lineage: later ? own.lineage : order.lineage };
}

/**
 * The name of a complete resync that both replicas took part in, and since which their marks tell what may differ; null: there is none. The end
 * of a resync is durable on the follower first: a primary that was not told any more knows it by what it had asked for, and has all its marks still.
 */
export function commonSyncId(one: ReplicaRecord, other: ReplicaRecord): string | null {
  const names = [namesOf(one), namesOf(other)] as const;
  return names[0].find((name) => names[1].includes(name)) ?? null;
}

function namesOf({ syncId, pending }: ReplicaRecord): readonly string[] {
  return [syncId, pending?.after === syncId ? pending.syncId : null].filter((name) => name !== null);
}

/** Whether this host has entered an epoch of its own: nothing that a primary still sends counts as the end of a resync then. */
export class Promotion {
  readonly #host: string;
  #isPromoted = false;

  constructor(host: string) {
    this.#host = host;
  }

  /** The replica has entered an epoch. */
  entered(entry: LineageEntry): void {
    this.#isPromoted ||= entry.primary === this.#host;
  }

  /** A resync may end here. @throws MirrorError "wrong-state" when this host has become primary */
  checkEnd(): void {
    if (this.#isPromoted) throw new MirrorError('wrong-state', `${this.#host} has become primary`);
  }
}
