/** What `understudy explain` says of a module: also what the editor's preview shows, and what it asks its process for. */
import type { Diagnostic } from './diagnostic.ts';
import type { ModuleState, ServerState, Transition } from './generated/api.ts';

export type FaultName =
  | 'power-loss'
  | 'power-loss-of-both'
  | 'secondary-then-primary'
  | 'replication-cut'
  | 'hosts-cut'
  | 'isolated'
  | 'arbiter-lost'
  | 'arbiter-lost-then-power-loss'
  | 'server-crash'
  | 'server-crashes-again'
  | 'agent-killed'
  | 'agent-stopped'
  | 'disk-error'
  | 'check-fails'
  | 'condition-fails'
  | 'stall'
  | 'switchover'
  | 'stop'
  | 'drain'
  | 'cold-start';

/** What the server on a host does. `ending`: it is killed, and can make nothing count any more; `orphaned`: so it is, and nobody ends it yet. */
export type ExplainedServer = Exclude<ServerState, 'paused'> | 'ending' | 'orphaned';

/** How a module stands on one host from a moment on. */
export interface TimelineEntry {
  /** Milliseconds since the fault. */
  readonly atMs: number;
  readonly host: string;
  /** OFF: there is no agent that could tell. */
  readonly state: ModuleState | 'OFF';
  readonly transition: Transition | null;
  /** Of the newest record that the host knows, and its in-sync set; 0 and nothing: it knows none. */
  readonly epoch: number;
  readonly inSync: readonly string[];
  readonly server: ExplainedServer;
  /** Whether what the server writes waits for its acknowledgement. */
  readonly frozen: boolean;
  /** In the core's own words. */
  readonly reason: string | null;
}

/** Something that happened: what was done to the hosts, and what the core said about it. */
export interface ExplainedEvent {
  readonly atMs: number;
  /** Null: it is of no host alone. */
  readonly host: string | null;
  /** `FAULT`: brought about from outside; otherwise a code of the agent's log. */
  readonly code: string;
  readonly text: string;
}

export interface ExplainedFault {
  readonly fault: FaultName;
  /** Whom it befalls; null: no host alone. */
  readonly host: string | null;
  /** Of `check-fails` and `condition-fails`: which one. */
  readonly subject: string | null;
  /** A line for a list, such as "alpha (primary) loses power". */
  readonly title: string;
  readonly sentences: readonly string[];
  readonly timeline: readonly TimelineEntry[];
  readonly events: readonly ExplainedEvent[];
  readonly durationMs: number;
}

export interface ExplainedModule {
  readonly module: string;
  /** In order of preference. */
  readonly hosts: readonly [string, string];
  /** What the times and sentences hang on that no file says. */
  readonly assumptions: readonly string[];
  readonly faults: readonly ExplainedFault[];
}

export interface ExplainFile {
  readonly path: string;
  readonly text: string;
}

/** What the process of the preview is asked. */
export interface ExplainQuestion {
  readonly id: number;
  readonly module: ExplainFile;
  /** The cluster file, and other module files beside it; all of them, as they stand in the editor. */
  readonly others: readonly ExplainFile[];
}

/** Its answer. `explained` is null when there are errors. */
export interface ExplainAnswer {
  readonly id: number;
  readonly explained: ExplainedModule | null;
  /** Of the module's file and the cluster file. */
  readonly diagnostics: readonly Diagnostic[];
  /** Null, or why the process could not explain it although the files have no errors. */
  readonly failure: string | null;
}

/** Notification `explain.state` of the preview's page: what it shows now. */
export interface ExplainState {
  /** The file that is explained, without its folders. */
  readonly file: string;
  /** Null: there are errors, or nothing was explained yet. */
  readonly explained: ExplainedModule | null;
  readonly diagnostics: readonly Diagnostic[];
  /** Why there is nothing to show although the files have no errors; null: there is, or it is being worked out. */
  readonly failure: string | null;
  /** Another one with each answer. */
  readonly revision: number;
  /** The text has changed since, and is being worked on. */
  readonly isBusy: boolean;
}
