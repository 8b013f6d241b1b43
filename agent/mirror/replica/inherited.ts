import type { MountFacts } from '../mount/mountFuse.ts';

/** What a mirror process is started with beside its channel to the agent. */
export interface Inherited {
  /** The memory of the mount's journal, which outlives this process. */
  readonly journalFd: number;
  /** The socket to the keeper, which holds what else has to outlive it. */
  readonly keeperFd: number;
}

/** What an earlier process of the same mirror served, and this one goes on with. */
export interface TakenOver {
  readonly mount: MountFacts;
  /** Descriptors of files without a name, by inode number. */
  readonly kept: ReadonlyMap<number, number>;
  /** Every acknowledgement waits: the peer, which was lost with that process, may count on it. */
  readonly held: boolean;
}
