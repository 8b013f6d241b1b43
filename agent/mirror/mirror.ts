/**
 * The mirror as the agent sees it: one per module and host, living in a process of its own (`agent/mirror/process.ts`).
 * Every promise rejects with a MirrorError; after `failed` the mirror is gone and only `close` makes sense.
 */
export interface MirrorOptions extends MirrorSettings {
  readonly module: string;
  /** This host's name. */
  readonly host: string;
  /** The mirrored directory, absolute; of several the first one. */
  readonly directory: string;
  /** More directories, absolute: changes in all of them have one order. */
  readonly furtherDirectories?: readonly string[];
  /** What the module's file calls all of them, in their order, in which both hosts have to agree; not there: their paths here. */
  readonly layout?: readonly string[];
  /** Where the replica's durable record and zone marks live, absolute, outside the mirrored directory. */
  readonly stateDirectory: string;
  /** Globs of names that are not replicated. */
  readonly exclude: readonly string[];
  readonly resyncBandwidth: ResyncBandwidth;
}

/** What of the options may become another while the mirror is open. */
export interface MirrorSettings {
  /** A peer that does not acknowledge for this long is lost, milliseconds. */
  readonly acknowledgeTimeoutMs: number;
  /** Whether direct I/O of the primary's programs is served by the page cache of the files below, or passed on to their disk. */
  readonly directIo: 'cache' | 'disk';
  /** Whether this host's processors are kept from deep sleep while the mirror has much to do. */
  readonly processors: 'awake' | 'sleep';
  /** How much of a secondary's last consistent state is kept while a resync changes it, bytes; null: by the free space, 0: nothing. */
  readonly resyncUndo: number | null;
}

/** All mirrored directories, in their order. */
export function directoriesOf(options: Pick<MirrorOptions, 'directory' | 'furtherDirectories'>): readonly string[] {
  return [options.directory, ...(options.furtherDirectories ?? [])];
}

/** How much a resync may take: bytes per second at most, null for no limit, or "adaptive": what the guest leaves. */
export type ResyncBandwidth = number | null | 'adaptive';

/** How a resync goes on. */
export interface ResyncPace {
  /** Nothing is compared or sent for it until this is false again. What the guest changes is sent all the same. */
  readonly paused: boolean;
  readonly bandwidth: ResyncBandwidth;
}

/** One configuration of the module that this replica took part in. */
export interface LineageEntry {
  readonly epoch: number;
  readonly primary: string;
  /** Begun without knowing what the other host did. */
  readonly apart?: true;
  /** Nobody but its primary was in sync. */
  readonly alone?: true;
  /** Begun to bring the other replica in line with this one after a verify found that they differ. */
  readonly repair?: true;
}

/** What tells a directory from the empty mount point that is found in its place when its disk is not mounted. */
export interface DirectoryIdentity {
  readonly ino: number;
  /** When it was made, nanoseconds since 1970; "0" where the file system does not tell. */
  readonly born: string;
}

/** A disk that reported that it lost what it had taken: of a write it took from memory, say, when it was to be made durable. */
export interface DiskError {
  /** "EIO" and the like. */
  readonly code: string;
  /** When, for people. */
  readonly at: string;
}

/** The last orderly end of a replica's use, by which it is found out what was changed behind the mirror afterwards. */
export interface Stopped {
  /** By the kernel's time of files, nanoseconds since 1970. */
  readonly at: string;
  /** It was served since, so that files that are marked may be newer for that. */
  readonly served: boolean;
}

/** The end of a resync, by the name that it has when it is complete. */
export interface PendingEnd {
  readonly syncId: string;
  /** The name that the record had then: with another one this is long over. */
  readonly after: string | null;
}

/** The durable record of a replica (`replica.json` in the state directory, fsynced before any call that changes it returns). */
export interface ReplicaRecord {
  readonly formatVersion: 1;
  readonly module: string;
  /** Oldest first, the last 256. Empty: this replica has never held data of the module. */
  readonly lineage: readonly LineageEntry[];
  /** Names the last complete resync of the pair; both replicas hold the same value when zone marks can be trusted. */
  readonly syncId: string | null;
  /** Of a primary: the end of a resync that the follower was asked to make durable, and may have, while this host was not told any more. */
  readonly pending?: PendingEnd | null;
  /** False while a resync into this replica is under way: it must never be promoted by itself. */
  readonly consistent: boolean;
  /** With `consistent: false`: what the replica was before that resync is kept, and `serve` makes it that again. */
  readonly restorable?: boolean;
  /**
   * What is in the blocks that the zone marks name may not be on the disk, although it can be read from memory: until a resync into this
   * replica has ended, no mark is cleared, and this replica counts for less than the other one.
   */
  readonly diskError?: DiskError | null;
  /** Null, or not there, since a resync of the pair has ended, and after a crash of a replica that was in step. */
  readonly stopped?: Stopped | null;
  /** The directory that the record speaks of; not there before the replica holds anything. */
  readonly directory?: DirectoryIdentity;
  /** Instead of it: several directories, in their order. */
  readonly directories?: readonly DirectoryIdentity[];
}

/** What a primary needs to reach a following replica. Travels over the agents' mutual TLS link. */
export interface FollowerEndpoint {
  readonly protocolVersion: number;
  readonly port: number;
  readonly session: string;
  /** Base64, 32 bytes: AES-256-GCM key of this session only. */
  readonly key: string;
  readonly record: ReplicaRecord;
}

/** What is written beside a content that is kept aside. */
export interface AsideFacts {
  readonly host: string;
  /** The host whose content takes its place. */
  readonly kept: string;
  readonly reason: string;
  /** The history that is kept aside, and the one that goes on in its place; newest last. */
  readonly lineage: readonly LineageEntry[];
  readonly keptLineage: readonly (LineageEntry & { readonly from: number })[];
}

export interface ResyncProgress {
  readonly kind: 'delta' | 'full';
  /** Why a resync is needed, for people: "alpha was away since epoch 6", "zone marks of beta are missing". */
  readonly cause: string;
  /** Bytes to look at, looked at, sent (everything that went over the wire for the resync, both directions). */
  readonly toCheck: number;
  readonly checked: number;
  readonly sent: number;
  /** Of `checked`: bytes in holes. */
  readonly holes: number;
  /** Bytes of files that were sent because they differed. */
  readonly content: number;
  /** Entries of directories compared. */
  readonly names: number;
  /** Bytes per second looked at and sent over the last seconds, and seconds left; null when not known yet. */
  readonly rate: number;
  readonly sentRate: number;
  readonly secondsLeft: number | null;
}

export interface MirrorStats {
  /** Totals since `serve`. */
  readonly writes: number;
  readonly bytesWritten: number;
  readonly flushes: number;
  /** Writes sent to the peer and not acknowledged by it yet. */
  readonly unacknowledged: number;
  /** Median time between sending a change and its acknowledgement over the last second, microseconds; null without traffic. */
  readonly lagMicros: number | null;
  /** Bytes in zones that may differ from the peer. */
  readonly markedBytes: number;
}

/** Something that is not the same on both replicas. */
export interface Difference {
  /**
   * Below the mirrored directory. Of several: on the wire behind the place of theirs, "1/file"; in a report the whole path on the primary. A byte
   * string on the wire, text in a report.
   */
  readonly path: string;
  readonly what:
    | 'missing'
    | 'extra'
    | 'type'
    | 'mode'
    | 'owner'
    | 'links'
    | 'size'
    | 'mtime'
    | 'target'
    | 'device'
    | 'xattrs'
    | 'content'
    | 'unreadable';
  /** For people: both values. */
  readonly detail: string;
  /** Of content, bytes. */
  readonly offset?: number;
  readonly length?: number;
}

export interface VerifyProgress {
  /** Names compared; bytes of content to compare, as far as the names are known, and compared. */
  readonly names: number;
  readonly toCheck: number;
  readonly checked: number;
  readonly differences: number;
  /** Bytes per second since the start, and seconds left; null while the names are still being listed. */
  readonly rate: number;
  readonly secondsLeft: number | null;
}

export interface VerifyReport {
  /** 'complete': everything was compared. */
  readonly outcome: 'complete' | 'stopped' | 'incomplete';
  /** Why it is not complete. */
  readonly reason: string | null;
  readonly names: number;
  readonly checked: number;
  readonly durationMs: number;
  /** All that were found; the first of them are listed. */
  readonly total: number;
  readonly differences: readonly Difference[];
}

export type MirrorEvent =
  /** The link to the peer is lost. In 'hold' mode acknowledgements wait from now on until `goAlone` or `abort`. */
  | { readonly type: 'peerLost'; readonly reason: string }
  | { readonly type: 'resync'; readonly progress: ResyncProgress }
  /** Resync done and both sides durable; from here on every acknowledgement waits for both replicas. */
  | { readonly type: 'inStep'; readonly progress: ResyncProgress; readonly durationMs: number }
  /** On a follower: a primary has connected, or the link ended. */
  | { readonly type: 'followerLink'; readonly connected: boolean; readonly reason: string | null }
  /** On a follower in step: the primary's agent and its server are dead, and nothing was acknowledged that is not here. */
  | { readonly type: 'primaryEnded'; readonly epoch: number }
  /** On a follower: the last consistent state is not kept any more while a resync changes the replica. */
  | { readonly type: 'undoGivenUp'; readonly reason: string }
  /** A resync that was not finished was taken back: the replica is what it was before. */
  | { readonly type: 'rolledBack'; readonly epoch: number; readonly durationMs: number }
  /** The disk of this host has lost what it had taken; programs got the error. The record says so from now on. */
  | { readonly type: 'diskFailed'; readonly error: DiskError }
  /**
   * On a primary: its disk has not answered for so long, longer than a secondary may take. The guest waits as with a local disk, and nothing is
   * lost. Null: it answers again.
   */
  | { readonly type: 'diskSilent'; readonly silentMs: number | null }
  /** The durable record has changed. */
  | { readonly type: 'record'; readonly record: ReplicaRecord }
  | { readonly type: 'verify'; readonly progress: VerifyProgress }
  /** The end of a verify. */
  | { readonly type: 'verified'; readonly report: VerifyReport }
  | { readonly type: 'stats'; readonly stats: MirrorStats }
  /**
   * Another mirror process went on with what one served that ended, or that was told to leave (`asked`): programs that use the mirror had to wait
   * for so long.
   */
  | { readonly type: 'tookOver'; readonly asked: boolean; readonly reason: string; readonly durationMs: number }
  | { readonly type: 'failed'; readonly reason: string };

export interface Mirror {
  readonly events: (listener: (event: MirrorEvent) => void) => void;
  record(): Promise<ReplicaRecord>;
  /** Adds a configuration to the lineage, durably, on this host; as a connected primary also on the follower, before it returns. */
  enterEpoch(entry: LineageEntry): Promise<void>;
  /**
   * Secondary: covers the directory read-only and listens on `address` for the primary. Diverged content is the caller's business
   * (see `keepAside`). Frames of an epoch lower than `epoch` are refused.
   */
  follow(address: string, epoch: number): Promise<FollowerEndpoint>;
  /**
   * Primary without a secondary: mounts the directory read-write; every change is marked. From follower too (promotion). A resync into
   * this replica that was not finished is taken back first.
   */
  serve(epoch: number): Promise<void>;
  /** Primary: connects to a follower and resynchronises it beside the running guest. Progress by events, ends with inStep or peerLost. */
  attach(address: string, endpoint: FollowerEndpoint, epoch: number): Promise<void>;
  /** Primary: how the resync under way, and any later one, goes on. Holds until it is said anew, in this process. */
  paceResync(pace: ResyncPace): Promise<void>;
  /**
   * In any role: holds from now on, also for what is waited for already, and for whatever carries this mirror later. Nothing is interrupted. A file
   * that is open keeps its `directIo` until it is closed.
   */
  reconfigure(settings: MirrorSettings): Promise<void>;
  /**
   * 'hold': losing the peer freezes acknowledgements (call it *before* asking the arbiter for both in the in-sync set).
   * 'continue': losing the peer lets the primary go on alone at once (while the arbiter's in-sync set is this host alone).
   */
  onPeerLoss(mode: 'hold' | 'continue'): Promise<void>;
  /** Holds every acknowledgement, now. */
  freeze(): Promise<void>;
  /** Ends a freeze without losing the peer. */
  thaw(): Promise<void>;
  /** The arbiter recorded this host alone: drops the peer, enters the epoch durably on this host, then releases what is held, in order. */
  goAlone(entry: LineageEntry): Promise<void>;
  /**
   * Primary with a secondary in step: compares both replicas beside the running guest and changes nothing. Ends with a `verified` event.
   * @param bandwidth bytes of content per second, null for no limit
   */
  verify(bandwidth: number | null): Promise<void>;
  /** Ends a verify; false when there is none. */
  stopVerify(): Promise<boolean>;
  /**
   * Primary that has just gone alone: what a verify found becomes zone marks, durably, so that the next resync compares it again and sends what
   * differs. Names and attributes need none, every resync compares those.
   * @param differences null: more than were listed, everything is compared
   */
  markDifferences(differences: readonly Difference[] | null): Promise<void>;
  /** Deposed or stopped by force: fails what is held with EIO, unmounts. Never waits for a peer. */
  abort(): Promise<void>;
  /** Orderly end of serving: no guest uses it any more; makes both sides durable, unmounts. As a follower: stops following. */
  release(): Promise<void>;
  /** Copies this replica's present content aside and returns the folder, before a diverged replica is overwritten. */
  keepAside(name: string, about: AsideFacts): Promise<string>;
  /** Rejects with "no-room" when this replica's present content could not be kept aside. In any role; changes nothing. */
  checkAsideRoom(): Promise<void>;
  /** If the agent dies without a word, the mirror process kills these process groups before it unmounts. */
  guard(processGroups: readonly number[]): Promise<void>;
  /**
   * Primary: a new mirror process, of the program that is on disk now, takes over from the one that serves, in order: programs only wait. The
   * link to a follower is lost with the old process (`peerLost`). Rejects before anything is stopped when it cannot be done.
   * @returns how long programs waited, milliseconds
   */
  renew(): Promise<number>;
  /** The last resort: kills the process. The kernel fails what waits and the mount is dead; the next process removes it. */
  destroy(): void;
  /** Ends the process; the directory is plain files again. */
  close(): Promise<void>;
}
