/**
 * The vocabulary of the failover core: what it knows, what it hears, what it wants done. Plain data only, so that the agent and a
 * simulator can drive the same core and a run can be replayed exactly.
 *
 * The protocol is primary/backup replication with an outside configuration manager (PacificA, Lin et al., MSR-TR-2008-25): the arbiter
 * holds one record per module and changes it by compare-and-set on its epoch. All times are milliseconds of the host's monotonic clock.
 */
import type { ModuleState, RefusalCode } from '../../schemas/generated/api.ts';

/** What the arbiter holds for a module. */
export interface ArbiterRecord {
  readonly epoch: number;
  readonly primary: string;
  /** Replicas that hold every acknowledged write of the epoch, sorted. */
  readonly inSync: readonly string[];
  /** A replica of the in-sync set whose lineage ends below this epoch is not the one that was meant (replaced disk, old backup). */
  readonly base: number;
  /** Why this configuration was made. */
  readonly cause: Cause;
  /** The same for people, in a line; not there: an agent made it that did not say. */
  readonly because?: string;
  /** Unique name of the proposal that made it, so that a repeated proposal is recognised as the same one. */
  readonly proposal: string;
}

/** One configuration that a replica took part in. */
export interface LineageEntry {
  readonly epoch: number;
  readonly primary: string;
  /** Begun without knowing what the other host did: by force, or alone without an arbiter. The other's history may have gone on, too. */
  readonly apart?: true;
  /** The arbiter's record named its primary alone: what the primary wrote in it nobody else has to hold. */
  readonly alone?: true;
  /** Begun to repair the other replica: it was found to differ, and keeps what it holds aside before it is brought in line. */
  readonly repair?: true;
}

/** Where two histories part. */
export interface Fork {
  /** The last epoch of both; 0: none. */
  readonly common: number;
  /** The last one of the replica that waits. */
  readonly own: LineageEntry;
  /** The last one of the primary. */
  readonly other: LineageEntry;
}

/** An operator's word on whose history goes on; the one with the higher sequence number holds for both hosts. */
export interface Resolution {
  readonly sequence: number;
  /** Null: an earlier word no longer holds. */
  readonly keep: string | null;
  /** A configuration of the history that is given up, and not of the other. */
  readonly lost: LineageEntry | null;
}

/** This host's replica, as its durable record says. */
export interface ReplicaFacts {
  /** Oldest first; empty: it has never held data of the module. */
  readonly lineage: readonly LineageEntry[];
  /** False while a resync into it is unfinished: it must never be promoted. */
  readonly consistent: boolean;
  /** With `consistent: false`: what it was before that resync is kept, and an operator who forces it gets that. */
  readonly restorable?: boolean;
  /** Its disk lost what it had taken; until a resync into it has ended, the other host's replica is the better one. */
  readonly diskError?: { readonly code: string; readonly at: string } | null;
  /** Whether there are files in the directory. With an empty lineage they are nobody's copy: somebody put them there. */
  readonly content: boolean;
}

/** Consecutive epochs with the same primary, as they are told to the peer. */
export interface LineageRange {
  readonly from: number;
  /** The last one. */
  readonly epoch: number;
  readonly primary: string;
  /** As in {@link LineageEntry}, of the first one. */
  readonly apart?: true;
  readonly repair?: true;
}

/** How a primary reaches a following replica; opaque to the core. */
export interface Endpoint {
  readonly session: string;
  readonly [key: string]: unknown;
}

export interface ModuleConfig {
  readonly module: string;
  readonly self: string;
  readonly peer: string;
  /** In order of preference. With an arbiter the other host may have another order for a while: nothing that both have to agree on hangs on it. */
  readonly hosts: readonly [string, string];
  readonly arbiter: 'witness' | 'etcd' | 'none';
  readonly automatic: boolean;
  readonly withoutArbiter: 'manual' | 'risk-split-brain';
  readonly detectionMs: number;
  readonly restarts: number;
  readonly restartPeriodMs: number;
  readonly maxFailovers: number;
  readonly failoverPeriodMs: number;
  /** Whether a module that was taken over goes back to the first of its hosts by itself, when the pair has been whole for so long. */
  readonly failback: 'manual' | 'automatic';
  readonly failbackAfterMs: number;
  /** What a primary does whose own disk has failed while its secondary is in sync. */
  readonly onDiskError: 'switchover' | 'report';
  /** How much later than this host the other one may learn of what both could notice. */
  readonly conditionsSettleMs: number;
  /** Whether a silent host is fenced before its module is taken over, and what becomes of the take-over when that fails. */
  readonly fencePeer: 'never' | 'continue' | 'wait';
}

/** What a host tells its peer about a module with every heartbeat. Level-triggered: a lost one is made good by the next. */
export interface PeerStatus {
  readonly role: 'none' | 'promoting' | 'primary' | 'secondary';
  /** Primary: how it stands with its secondary. With no role 'lost': what it served may not have ended yet. */
  readonly link: 'none' | 'resync' | 'both' | 'lost';
  /** Whether this host would serve the module if it were asked to. */
  readonly able: boolean;
  readonly serverRunning: boolean;
  readonly conditions?: Conditions | null;
  /** As in {@link Placement}. */
  readonly barred?: string | null;
  readonly avoids?: string | null;
  /** While it waits, as in {@link Placement}; not there: nothing. */
  readonly waitsFor?: string;
  readonly desired: Desired;
  /** The newest record of the arbiter that this host knows. */
  readonly record: ArbiterRecord | null;
  /** The newest part of the lineage, at most 32 ranges. */
  readonly lineage: readonly LineageRange[];
  readonly consistent: boolean;
  readonly content: boolean;
  /** Secondary: where the primary may connect. */
  readonly endpoint: Endpoint | null;
  /** It waits for an operator's choice, as its history is not the primary's. */
  readonly diverged?: Fork | null;
  readonly resolution?: Resolution | null;
  readonly drain?: HostDrain | null;
  readonly maintenance?: ToldMaintenance | null;
  /** By its module's file; a shorter one than it told before holds there once this host has answered. */
  readonly detectionMs?: number;
}

/** What the other host may count on while the detection time is changed. */
export interface Detection {
  /** The longest of those that it may have heard last. */
  readonly promisedMs: number;
  /** Since when the present one is told. */
  readonly since: number;
  /** Whether it has heard the present one. */
  readonly isHeard: boolean;
}

/** An operator works on the module; the one with the higher sequence number holds for both hosts. */
export interface Maintenance {
  readonly sequence: number;
  /** By this host's clock; -Infinity: its time is over, null: an operator ended it. */
  readonly until: number | null;
  /** How long it was to be. */
  readonly forMs: number;
  readonly reason: string | null;
  readonly by: string;
}

/** As it is told and kept: no two hosts, and no two lives of an agent, share a clock. */
export interface ToldMaintenance extends Omit<Maintenance, 'until'> {
  readonly leftMs: number | null;
}

/** What an operator asks for. */
export type MaintenanceWish = Pick<Maintenance, 'forMs' | 'reason' | 'by'>;

/** An operator clears a host of modules, or has done so: it follows, and takes over when the other host fails or may not go on, but is not preferred. */
export type HostDrain = 'draining' | 'drained';

/** What an operator wants; the one with the higher sequence number holds for both hosts. */
export interface Desired {
  readonly value: 'started' | 'stopped';
  readonly sequence: number;
  /** An operator moved the module to this host, which is not the preferred one: it does not go back before it has failed over. */
  readonly stay?: string;
  /** Asked for whatever speaks against a start here, such as too little room. */
  readonly anyway?: true;
  /** With 'stopped': nobody asked for it, the module is parked for this reason until an operator starts it. */
  readonly parked?: string;
}

/** What a primary knows about going back to the preferred host. */
export interface Failback {
  /** Since when, without an interruption, the pair is whole, the server runs, and the other host could take it. */
  readonly readySince: number | null;
  /** What stands in the way that only the agent knows of, such as the time of the day. */
  readonly hindrance: string | null;
  /** When this host began to give the module back, since an operator last moved it here. */
  readonly attempts: readonly number[];
}

/** How a host stands with the module's conditions to be primary. */
export interface Conditions {
  /** Which of them it does not meet; null: it meets all of them. */
  readonly unmet: string | null;
}

/** What other modules mean for a start of this one on this host; each a text for people, or null. */
export interface Placement {
  /** This host has no room for it, or runs what it must not run beside. */
  readonly barred: string | null;
  /** Of a module that follows: what would bar it, or come first, if all that follow the same host were taken over now. */
  readonly heldBackWithAll?: string | null;
  /** Something else has to start first. */
  readonly waitsFor: string | null;
  /** It should rather be apart from what this host runs. */
  readonly avoids: string | null;
}

/** What becomes of a server that runs and does not do its work. */
export type UnhealthyAction = 'restart' | 'failover' | 'wait' | 'report';

export type Cause = 'start' | 'failover' | 'switchover' | 'force' | 'restart' | 'repair';

export interface Proposal {
  /** Epoch of the record that it replaces; null: there must be none. */
  readonly expect: number | null;
  readonly record: ArbiterRecord;
  /** When it may be sent again. */
  readonly retryAt: number;
}

/** How a primary stands with its secondary. */
export type Link =
  /** No secondary, and why it was lost. `lastSession`: the session that was tried last, and how often in a row in vain. */
  | {
      readonly kind: 'none';
      readonly reason: string | null;
      readonly retryAt: number;
      readonly lastSession: string | null;
      readonly failures: number;
    }
  /** The epoch was granted to both: the secondary must be attached before the server may start. */
  | { readonly kind: 'joining'; readonly until: number; readonly attaching: string | null }
  | { readonly kind: 'attaching'; readonly session: string; readonly failures: number }
  /** In step; the arbiter is asked to record both. Losing the secondary from here on holds acknowledgements. */
  | { readonly kind: 'committing'; readonly session: string; readonly proposal: Proposal | null }
  | { readonly kind: 'both'; readonly session: string }
  /** In sync; for a repair, or an upgrade of the agent, the arbiter is asked to record this host alone. Until it has, every acknowledgement waits for both. */
  | { readonly kind: 'parting'; readonly session: string; readonly proposal: Proposal }
  /**
   * Alone, and the secondary has lived through a later epoch, which is of another history or came to nothing: nothing of an earlier one would
   * be taken there, so the arbiter is asked for one that is later than that.
   */
  | { readonly kind: 'renumbering'; readonly proposal: Proposal }
  /** Alone was granted; the mirror drops the secondary and releases what it holds. */
  | { readonly kind: 'goingAlone'; readonly reason: string }
  /** Acknowledgements are held; the arbiter is asked to record this host alone. */
  | { readonly kind: 'lost'; readonly since: number; readonly reason: string; readonly proposal: Proposal };

export type ServerPhase =
  /** Must not start yet (joining) or must not start again (leaving). */
  | { readonly kind: 'held' }
  | { readonly kind: 'starting' }
  /** `givenUp`: it does not do its work, and nothing is left to be done about it; said once. */
  | { readonly kind: 'running'; readonly givenUp?: true }
  | { readonly kind: 'down'; readonly restartAt: number; readonly reason: string; readonly lasting: boolean }
  /** It ended during a maintenance, and is not started before its end by itself. */
  | { readonly kind: 'keptDown'; readonly reason: string }
  /** `restart`: it is started again afterwards. */
  | { readonly kind: 'stopping'; readonly restart?: { readonly reason: string; readonly afterMs: number } };

/** Why a primary gives up its role in order. */
export type LeaveFor =
  'stop' | 'switchover' | 'shutdown' | 'serverFailed' | 'diskFailed' | 'conditionFailed' | 'resolve' | 'failback';

export type Role =
  | { readonly at: 'stopped' }
  | {
      readonly at: 'waiting';
      readonly reason: string;
      readonly since: number;
      readonly parked: boolean;
      /** Until then the peer, to which the module was handed, goes first. */
      readonly yieldUntil: number;
      /** Until then nothing is tried at all. */
      readonly retryAt: number;
      /** The primary's history is another one. */
      readonly diverged: Fork | null;
      /** Since when the reason is this one, whether the log says so, and how many others it has told since the wait began. */
      readonly reasonSince: number;
      readonly isTold: boolean;
      readonly toldBefore: number;
      /** It would start but for other modules. */
      readonly heldBack: boolean;
      /** Neither host may start by the record, and both are at hand: nothing but an operator's `force` here ends it. */
      readonly stuck?: true;
    }
  /** A proposal to become primary is with the arbiter. */
  | {
      readonly at: 'asking';
      readonly cause: Cause;
      readonly firstSign: number;
      readonly proposal: Proposal;
      readonly forced: boolean;
      /** The server of the other host is known to be dead: that host need not be fenced. */
      readonly peerEnded: boolean;
      readonly since: number;
    }
  /** Granted; the host that is taken over from is fenced by command. */
  | {
      readonly at: 'fencingPeer';
      readonly cause: Cause;
      readonly firstSign: number;
      readonly grant: ArbiterRecord;
      readonly since: number;
      /** Why it could not be fenced, the last time. */
      readonly failure: string | null;
      readonly retryAt: number;
      /** It is fenced, or that is not asked for any more. */
      readonly isDone: boolean;
      /** Something is to be done, and the arbiter has to confirm first that the grant still holds. */
      readonly isUnconfirmed: boolean;
    }
  | { readonly at: 'entering'; readonly cause: Cause; readonly firstSign: number; readonly grant: ArbiterRecord }
  | { readonly at: 'mounting'; readonly cause: Cause; readonly firstSign: number; readonly grant: ArbiterRecord }
  | {
      readonly at: 'primary';
      readonly cause: Cause;
      readonly firstSign: number;
      readonly reported: boolean;
      /** The grant by which it became primary; `grant` is the newest one. */
      readonly promotedBy: ArbiterRecord;
      readonly grant: ArbiterRecord;
      readonly link: Link;
      readonly server: ServerPhase;
      readonly leaving: LeaveFor | null;
      /** Why it leaves; empty: it does not. */
      readonly leavingBecause: string;
      /** When the newest heartbeat that the peer answered was sent; the lease counts from here. */
      readonly leaseFrom: number;
      /** When the peer first answered a heartbeat that told it of this; null: it has not yet. */
      readonly knownAt: number | null;
    }
  /** The server is stopped; both replicas are made durable and the mount goes away. */
  | {
      readonly at: 'releasing';
      readonly leaving: LeaveFor;
      readonly because: string;
      readonly grant: ArbiterRecord;
      readonly handOver: boolean;
      /** As it was when the release began. */
      readonly link: Link;
      readonly since: number;
    }
  /** Released; the arbiter is asked to name the peer. */
  | {
      readonly at: 'handingOver';
      readonly leaving: LeaveFor;
      readonly because: string;
      readonly proposal: Proposal;
      readonly since: number;
    }
  /** Server killed, held writes failed, mount aborted; then `next`. */
  | { readonly at: 'fencing'; readonly reason: string; readonly retryAfterMs: number }
  | { readonly at: 'keepingAside'; readonly epoch: number; readonly name: string }
  | { readonly at: 'startingToFollow'; readonly epoch: number }
  | {
      readonly at: 'following';
      readonly epoch: number;
      readonly endpoint: Endpoint;
      readonly connected: boolean;
      readonly connectedAt: number;
      /** The session ended; a new endpoint is needed before the primary can attach again. */
      readonly spent: boolean;
      readonly since: number;
    }
  | { readonly at: 'unfollowing' };

export interface Command {
  readonly id: number;
  readonly kind:
    | 'start'
    | 'stop'
    | 'switchover'
    | 'drain'
    | 'force'
    | 'resolve'
    | 'repair'
    | 'shutdown'
    | 'detach'
    | 'beginMaintenance'
    | 'endMaintenance';
  /** Of `resolve`: the host whose history goes on. */
  readonly keep: string | null;
  readonly since: number;
  readonly deadline: number;
}

export interface ModuleCoreState {
  readonly config: ModuleConfig;
  readonly role: Role;
  readonly desired: Desired;
  readonly resolution: Resolution | null;
  readonly replica: ReplicaFacts;
  /** The newest record of the arbiter seen by anyone. */
  readonly record: ArbiterRecord | null;
  /** What the arbiter answered last, and when; null while it has not, or could not be reached. */
  readonly inquiry: {
    readonly askedAt: number;
    readonly answeredAt: number | null;
    readonly record: ArbiterRecord | null;
    /** Why it could not be asked, when that was told. */
    readonly failure: string | null;
    /** When this host last waited without an answer. */
    readonly unansweredAt?: number;
  };
  readonly peer: {
    /** When a status was last received; null: not since the agent started. */
    readonly heardAt: number | null;
    /** Since when no silence was longer than the detection time. */
    readonly presentSince: number | null;
    /** When the peer's agent was last heard without a status, as it has not opened the module. */
    readonly closedAt: number | null;
    readonly status: PeerStatus | null;
  };
  readonly detection: Detection;
  /** Of this host; the same for all of its modules. */
  readonly drain: HostDrain | null;
  readonly maintenance: Maintenance | null;
  /** Sequence number of what an operator wanted when a server last ran, or a maintenance began. */
  readonly carriedOut: number;
  readonly failback: Failback;
  readonly bootedAt: number;
  /** Number of the asynchronous operation that is awaited; answers to older ones are ignored. */
  readonly operation: number;
  readonly pending: Operation['kind'] | null;
  /** What the mirror of this host is doing. */
  readonly mirror: 'idle' | 'following' | 'serving';
  readonly commands: readonly Command[];
  /** Times of server restarts on this host, in this life of the agent. */
  readonly restarts: readonly number[];
  /** Times of failovers in which this host took part, kept over restarts of the agent and the host. */
  readonly failovers: readonly number[];
  /** Null: not known yet, or there are none. */
  readonly conditions: Conditions | null;
  /** Of a primary: since when the other host alone has met the conditions. */
  readonly unfitSince: number | null;
  /** Null: there is nothing to be known of other modules. */
  readonly placement: Placement | null;
  /** When what had to start first did, here or on the other host. */
  readonly clearedAt: number;
  /** Why a start was held back, said once. */
  readonly heldBackFor: string | null;
  /** Why the server cannot start, said once. */
  readonly lastingFailure: string | null;
  /** The last epoch of what was kept aside in this life of the agent; null: nothing was. */
  readonly keptAside: number | null;
  /** Why what is to be kept aside could not be, the last time; null: it was, or is another matter by now. */
  readonly keepAsideFailure: string | null;
  readonly shuttingDown: boolean;
  /** Another program is about to take the agent over: no secondary is attached meanwhile. */
  readonly detached: boolean;
  /** Serial number for the names of proposals. */
  readonly proposals: number;
  /** Makes proposals of this life of the agent unique. */
  readonly incarnation: string;
}

export type CoreEvent =
  | { readonly type: 'tick' }
  /** The module's file is another one; names and hosts are the same. */
  | { readonly type: 'configChanged'; readonly config: ModuleConfig }
  /**
   * A heartbeat of the peer with its status for this module; null: it does not know the module. `withoutNews`: what would have to be made durable
   * first does not count.
   */
  | { readonly type: 'peerStatus'; readonly status: PeerStatus | null; readonly withoutNews?: true }
  /** The peer answered a heartbeat that was sent at `sentAt`. */
  | { readonly type: 'heartbeatAnswered'; readonly sentAt: number }
  | { readonly type: 'arbiterRead'; readonly record: ArbiterRecord | null }
  | { readonly type: 'arbiterUnreachable'; readonly reason?: string }
  | { readonly type: 'proposalGranted'; readonly record: ArbiterRecord }
  | { readonly type: 'proposalRefused'; readonly proposal: string; readonly current: ArbiterRecord | null }
  | {
      readonly type: 'operationDone';
      readonly operation: number;
      readonly replica: ReplicaFacts | null;
      readonly endpoint: Endpoint | null;
      readonly note: string | null;
    }
  | { readonly type: 'operationFailed'; readonly operation: number; readonly reason: string }
  | { readonly type: 'replica'; readonly replica: ReplicaFacts }
  | { readonly type: 'mirrorPeerLost'; readonly reason: string }
  | { readonly type: 'mirrorInStep'; readonly replica: ReplicaFacts }
  | { readonly type: 'mirrorFollowerLink'; readonly connected: boolean }
  /**
   * Secondary: the mirror process of the primary says that its agent and its server are dead, and that nothing was acknowledged which has not
   * arrived here. `epoch`: the one in which it served.
   */
  | { readonly type: 'primaryEnded'; readonly epoch: number }
  | { readonly type: 'mirrorFailed'; readonly reason: string }
  | { readonly type: 'failbackHindered'; readonly hindrance: string | null }
  | { readonly type: 'hostDrain'; readonly drain: HostDrain | null }
  /** After `detach`: this program goes on. */
  | { readonly type: 'attachAgain' }
  | { readonly type: 'serverRunning' }
  | { readonly type: 'serverStopped'; readonly how: string }
  /** `lasting`: no restart and no other host will mend it (a missing image, a wrong setting). */
  | { readonly type: 'serverFailed'; readonly reason: string; readonly lasting: boolean }
  /** Which conditions to be primary this host does not meet; null: it meets all of them. */
  | { readonly type: 'conditions'; readonly unmet: string | null }
  /** It runs, and a check of it has failed as often in a row as counts. `isFirst`: since the check was well, or the server started. */
  | {
      readonly type: 'serverUnhealthy';
      readonly reason: string;
      readonly action: UnhealthyAction;
      readonly isFirst: boolean;
    }
  | {
      readonly type: 'command';
      readonly id: number;
      readonly kind: Command['kind'];
      readonly keep?: string | null;
      readonly maintenance?: MaintenanceWish | undefined;
      /** Of `start`: whatever other modules speak against it. */
      readonly anyway?: boolean;
      readonly deadline: number;
      readonly arbiterReachable: boolean;
    };

/** `now`: monotonic milliseconds, never lower than in the event before. */
export type TimedEvent = CoreEvent & {
  readonly now: number;
  /** Whether the arbiter answered last; not there: it is taken for so. A move that nobody asked for is not begun without it. */
  readonly arbiterReachable?: boolean;
  /** When the peer was last heard on each network; only to tell people. */
  readonly heardOn?: readonly HeardOn[];
  /** What the agent knows of other modules now; not there: nothing new. */
  readonly placement?: Placement;
};

export interface HeardOn {
  readonly network: string;
  /** Null: not since the agent started. */
  readonly at: number | null;
}

/** Operations of the mirror and server that end with operationDone or operationFailed. One at a time, except `fence`, which overrides. */
export type Operation =
  | { readonly kind: 'enterEpoch'; readonly entry: LineageEntry }
  /** Powers the other host off, or resets it. */
  | { readonly kind: 'fencePeer' }
  | { readonly kind: 'serve'; readonly epoch: number }
  /** Losing the peer holds nothing up until `holdOnPeerLoss`. */
  | { readonly kind: 'attach'; readonly endpoint: Endpoint; readonly epoch: number }
  | { readonly kind: 'holdOnPeerLoss' }
  /** Drops the secondary and releases held acknowledgements; first makes the epoch durable. */
  | { readonly kind: 'goAlone'; readonly entry: LineageEntry }
  | { readonly kind: 'release' }
  /** Freezes the mirror, kills the server, fails what is held, unmounts. */
  | { readonly kind: 'fence' }
  | { readonly kind: 'keepAside'; readonly name: string; readonly about: AsideFacts }
  | { readonly kind: 'follow'; readonly epoch: number }
  | { readonly kind: 'unfollow' };

/** What is written beside a content that is kept aside. */
export interface AsideFacts {
  readonly host: string;
  /** The host whose content takes its place. */
  readonly kept: string;
  readonly reason: string;
  /** The history that is kept aside, and the one that goes on; newest last. */
  readonly lineage: readonly LineageEntry[];
  readonly keptLineage: readonly LineageRange[];
}

export type Outcome =
  | { readonly ok: true; readonly message: string }
  | {
      readonly ok: false;
      readonly code: RefusalCode;
      readonly reason: string;
      readonly numbers: Readonly<Record<string, number | string | boolean | null>>;
    };

/** In the order in which they are carried out, but what is to be saved, which comes first: when that fails see `stepUnsaved`. */
export type Effect =
  | { readonly type: 'saveDesired'; readonly desired: Desired }
  | { readonly type: 'saveResolution'; readonly resolution: Resolution }
  | { readonly type: 'saveMaintenance'; readonly maintenance: ToldMaintenance }
  | { readonly type: 'savePromisedDetection'; readonly promisedMs: number }
  /** How long ago each of them was: no two lives of an agent share a clock. */
  | { readonly type: 'saveFailovers'; readonly agesMs: readonly number[] }
  | { readonly type: 'readArbiter' }
  | { readonly type: 'propose'; readonly proposal: Proposal }
  | { readonly type: 'operation'; readonly number: number; readonly operation: Operation }
  | { readonly type: 'freeze' }
  | { readonly type: 'startServer'; readonly epoch: number }
  | { readonly type: 'stopServer' }
  | { readonly type: 'commandDone'; readonly id: number; readonly outcome: Outcome }
  | {
      readonly type: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly code: string;
      readonly message: string;
      readonly fields: Readonly<Record<string, number | string | boolean | null>>;
    }
  | {
      /** Of what people see, on this host; the log has it as well. */
      readonly type: 'stateChanged';
      readonly from: ModuleState;
      readonly to: ModuleState;
      readonly because: string;
    }
  | {
      readonly type: 'reportFailover';
      readonly kind: 'failover' | 'switchover' | 'force';
      readonly from: string | null;
      /** Why, for people. */
      readonly cause: string;
      readonly durationMs: number;
      readonly epoch: number;
    };

/** Where a module stands on this host: its role, and as a primary how it stands with its secondary. */
export type RoleState = Exclude<Role['at'], 'primary'> | `primary.${Link['kind']}`;

/** What makes a transition: an event, or what the core knows by now, whichever event came last (`settle`). */
export type Trigger = CoreEvent['type'] | 'settle';

export interface Move {
  readonly from: RoleState;
  readonly to: RoleState;
  readonly on: Trigger;
}

export interface StepResult {
  readonly state: ModuleCoreState;
  readonly effects: readonly Effect[];
  /** The transitions of the role on the way, each of which is in the table of `transitions.ts`. */
  readonly moves: readonly Move[];
}
