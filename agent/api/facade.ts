import type {
  ApplyResult,
  ChangedEvent,
  ChangedFile,
  CommandResult,
  LogEntry,
  LogEvent,
  Refusal,
  ResyncBandwidth,
  Role,
  Snapshot,
  UpgradeResult,
  VersionInfo,
  VersionResult,
} from '../../schemas/generated/api.ts';

/** Who gave a command, for the audit log. */
export interface Actor {
  readonly name: string;
  readonly role: Role;
  /** Address and port of the client. */
  readonly from: string;
}

/** How often an event was logged on this host since its agent started. */
export interface EventCount {
  /** Null: it is about none that the cluster has. */
  readonly module: string | null;
  readonly level: LogEntry['level'];
  readonly code: string;
  readonly count: number;
}

/** A refused command is an expected outcome: a value, not an exception. */
export type Outcome<Result = CommandResult> =
  { readonly ok: true; readonly result: Result } | { readonly ok: false; readonly refusal: Refusal };

/** What the agent offers to its API. Commands resolve when they are done, not when they are accepted. */
export interface AgentFacade {
  readonly host: string;
  readonly cluster: string;
  readonly agentVersion: string;
  snapshot(): Snapshot;
  /** Returns the function that ends the subscription. */
  onChange(listener: (event: ChangedEvent) => void): () => void;
  onLog(listener: (event: LogEvent) => void): () => void;
  eventCounts(): readonly EventCount[];
  readLog(filter: { readonly module?: string; readonly limit: number }): readonly LogEntry[];
  /** @param anyway whatever other modules speak against it */
  start(module: string, anyway: boolean, by: Actor): Promise<Outcome>;
  stop(module: string, by: Actor): Promise<Outcome>;
  switchover(module: string, to: string | null, by: Actor): Promise<Outcome>;
  forcePrimary(module: string, host: string, by: Actor): Promise<Outcome>;
  /** After a divergence: the history of `keep` goes on. */
  resolve(module: string, keep: string, by: Actor): Promise<Outcome>;
  /**
   * Compares both replicas, content at `bandwidth` bytes a second at most; null: no limit, undefined: as the module's file says. Resolves when it
   * has begun.
   */
  verify(module: string, bandwidth: number | null | undefined, by: Actor): Promise<Outcome>;
  stopVerify(module: string, by: Actor): Promise<Outcome>;
  /** The resync under way is paused, and so is any other until it is resumed. */
  pauseResync(module: string, by: Actor): Promise<Outcome>;
  /** @param bandwidth undefined: as it is */
  resumeResync(module: string, bandwidth: ResyncBandwidth | undefined, by: Actor): Promise<Outcome>;
  paceResync(module: string, bandwidth: ResyncBandwidth, by: Actor): Promise<Outcome>;
  /** What the verify that ended at `verifiedAt` found is overwritten on the secondary. Resolves when it has begun. */
  repair(module: string, verifiedAt: string, by: Actor): Promise<Outcome>;
  /** Until it ends the module is neither restarted nor taken over by itself. */
  beginMaintenance(module: string, forMs: number, reason: string | null, by: Actor): Promise<Outcome>;
  endMaintenance(module: string, by: Actor): Promise<Outcome>;
  /** Moves every module that the host serves to its other host; resolves when the host may be rebooted. */
  drain(host: string, by: Actor): Promise<Outcome>;
  undrain(host: string, by: Actor): Promise<Outcome>;
  /** Powers a host off by its devices, from this host. @param confirm the host's name again */
  fence(host: string, confirm: string, by: Actor): Promise<Outcome>;
  /** Whether this host could do so; nothing is done to the host. */
  testFence(host: string, by: Actor): Promise<Outcome>;
  /**
   * Replaces the agent by the program on disk, without a restart of what it serves; answers when that begins. @param onlyLook says whether it
   * can be done, and does nothing
   */
  upgrade(onlyLook: boolean, by: Actor): Promise<Outcome<UpgradeResult>>;
  /**
   * Makes files the next version on all hosts, or on none. `dryRun` only checks them; `base`, when it is not null, is the version that the change was
   * made from: refused when there is a newer one
   */
  applyFiles(
    files: readonly ChangedFile[],
    options: { readonly note: string | null; readonly dryRun: boolean; readonly base: number | null },
    by: Actor,
  ): Promise<ApplyResult>;
  /** @param files only these; null: all of them become what they were */
  restoreFiles(
    number: number,
    files: readonly string[] | null,
    options: { readonly dryRun: boolean; readonly base: number | null },
    by: Actor,
  ): Promise<Outcome<ApplyResult>>;
  /** The versions that this host keeps, newest first. */
  versions(): readonly VersionInfo[];
  /** Null: it is not kept. */
  version(number: number): VersionResult | null;
  /** For `/ready/MODULE`: true only where the module is served. */
  isServing(module: string): boolean;
}
