import { OwnRecords } from '../arbiter/none.ts';
import type { RecordPlace as ArbiterPlace } from '../arbiter/recordPlace.ts';
import { RecordStore as ArbiterRecords } from '../arbiter/recordStore.ts';
import type { CoreEvent, Desired, ModuleCoreState, ReplicaFacts, Resolution } from '../core/types.ts';
import { RecordStore as ReplicaRecords, type RecordPlace as ReplicaPlace } from '../mirror/replica/record.ts';
import type { ExplainedServer } from '../../schemas/explain.ts';

/** A connection of the mirror of a primary with that of its follower. */
export interface Session {
  readonly primary: Host;
  readonly follower: Host;
  readonly network: string;
  /** Every acknowledgement waits for the follower. */
  isInStep: boolean;
  /** Which end still uses it. */
  readonly isOpenAt: { primary: boolean; follower: boolean };
  /** Since when the primary has sent something that is not acknowledged; null: nothing is. */
  silentSince: number | null;
  /** What the agent of the primary waits for that the follower has to do; the end of the connection ends the wait. */
  readonly onEnd: (() => void)[];
}

/** What the mirror of a host does that serves. */
export interface Serving {
  isFrozen: boolean;
  /** A loss of the follower holds every acknowledgement until the agent decides. */
  holds: boolean;
  session: Session | null;
  /** What the server wrote last, as long as it is not acknowledged. */
  waiting: { readonly write: number; readonly since: number } | null;
}

/** What the mirror of a host does that follows. */
export interface Following {
  readonly id: string;
  epoch: number;
  session: Session | null;
}

/** One host of the pair: its agent, its replica and its server. What is not of this life alone outlasts a loss of power. */
export class Host {
  readonly name: string;
  readonly peer: string;
  /** Null: its agent does not run. */
  core: ModuleCoreState | null = null;
  hasPower = false;
  /** Another one with each start of the agent and each loss of power: what was begun in one comes to nothing in the next. */
  life = 0;
  /** It stands still until then. */
  pausedUntil = 0;
  /** What its agent finds when it goes on. */
  queue: CoreEvent[] = [];
  server: ExplainedServer = 'stopped';
  /** What scripts had started has ended by itself, and nobody has told the agent. */
  hasDied = false;
  serving: Serving | null = null;
  following: Following | null = null;
  readonly heardOn = new Map<string, number | null>();

  desired: Desired = { value: 'started', sequence: 0 };
  resolution: Resolution | null = null;
  promisedDetectionMs: number | null = null;
  /** When they were: its clock goes on while it is off. */
  failovers: readonly number[] = [];
  isDrained = false;
  readonly replica: ReplicaRecords;
  writes = new Set<number>();
  /** What an unfinished resync would be taken back to. */
  undo: ReadonlySet<number> | null = null;
  /** Every flush of its disk fails. */
  isDiskBad = false;
  readonly aside: string[] = [];
  /** Its copy of the arbiter's record, where there is no arbiter. */
  readonly ownRecords: OwnRecords;

  constructor(name: string, peer: string, module: string) {
    this.name = name;
    this.peer = peer;
    this.replica = ReplicaRecords.open(inMemory(), module);
    this.ownRecords = new OwnRecords(new ArbiterRecords(recordsInMemory()), {
      // The next heartbeat tells it.
      copy: () => undefined,
      knownRecord: () => this.core?.record ?? null,
    });
  }

  get facts(): ReplicaFacts {
    const { lineage, consistent, restorable = false, diskError = null } = this.replica.value;
    return { lineage, consistent, restorable, diskError, content: this.writes.size > 0 };
  }

  /** Whether a process of the server is there that nobody has begun to kill. */
  get hasServer(): boolean {
    return !this.hasDied && (this.server === 'starting' || this.server === 'running' || this.server === 'stopping');
  }

  /** Whether anything of a server is left. */
  get hasAnyServer(): boolean {
    return !this.hasDied && this.server !== 'stopped';
  }

  standsStill(now: number): boolean {
    return this.pausedUntil > now;
  }
}

/** Where the record of a replica is kept. */
function inMemory(): ReplicaPlace {
  let text: string | null = null;
  return {
    path: 'the record of the replica',
    read: () => text,
    write: (content) => {
      text = content;
    },
  };
}

/** Where the records of an arbiter are kept. */
export function recordsInMemory(): ArbiterPlace {
  const texts = new Map<string, string>();
  return {
    has: (module) => texts.has(module),
    read: (module) => texts.get(module) ?? null,
    put: (module, text) => void texts.set(module, text),
    settle: () => undefined,
    nameOf: (module) => module,
  };
}
