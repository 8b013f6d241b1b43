/**
 * What the extension host and the page of a module panel tell one another beside the agent's own API: JSON-RPC 2.0 by
 * `postMessage`, relayed methods and notifications under their own names, and these.
 */
import type { HostStatus, LogEntry, ModuleStatus } from './generated/api.ts';

/** How the two replicas of a module stand to one another. */
export type LinkKind = 'in-sync' | 'resynchronising' | 'broken' | 'frozen' | 'stopped' | 'starting' | 'unknown';

/** The replication between two hosts, as an arrow shows it. */
export interface LinkFacts {
  readonly kind: LinkKind;
  /** One or two words. */
  readonly label: string;
  /** One sentence. */
  readonly detail: string;
  /** Host that sends; null: no direction now. */
  readonly from: string | null;
  readonly to: string | null;
}

/** How good or bad something is; decides colour and shape, never the words. */
export type Severity = 'good' | 'busy' | 'neutral' | 'warning' | 'error' | 'unknown';

/** A state in words. */
export interface StateFacts {
  readonly severity: Severity;
  /** The state's word, such as PRIM. */
  readonly word: string;
  /** What it means now, such as "primary, in sync". */
  readonly label: string;
}

/** A virtual address, and the host that it is set on; null: it is set nowhere, as far as known. */
export interface AddressFacts {
  readonly address: string;
  readonly host: string | null;
}

export type ActionName =
  | 'start'
  | 'stop'
  | 'switchover'
  | 'forcePrimary'
  | 'resolve'
  | 'verify'
  | 'stopVerify'
  | 'repair'
  | 'pauseResync'
  | 'resumeResync'
  | 'paceResync';

/** Whether an action can be carried out now, and if not why. */
export interface ActionFacts {
  readonly name: ActionName;
  readonly enabled: boolean;
  /** With a token that may do it, it could be carried out. */
  readonly makesSense: boolean;
  /** What it would do, or what is in the way. */
  readonly hint: string;
  /** Hosts that it could be applied to. */
  readonly hosts: readonly string[];
}

/** One point of the plots; null: not known. */
export interface TrafficSample {
  /** Milliseconds since 1970, clock of the editor. */
  readonly time: number;
  readonly bytesPerSecond: number | null;
  readonly writesPerSecond: number | null;
  readonly lagMicros: number | null;
}

/** Notification `panel.state`: everything a module panel shows except the log and the plots. */
export interface PanelState {
  readonly cluster: string;
  readonly moduleName: string;
  /** Null: not known yet, or the module is gone. */
  readonly module: ModuleStatus | null;
  readonly hosts: readonly HostStatus[];
  /** Whether the third vote of the module answers the host that this editor is connected to; null: it has none, or that is not known. */
  readonly arbiterAnswers: boolean | null;
  readonly overall: StateFacts;
  /** By host. */
  readonly replicas: Readonly<Record<string, StateFacts>>;
  readonly link: LinkFacts;
  readonly actions: readonly ActionFacts[];
  readonly connection: {
    readonly connected: boolean;
    /** What is in the way; null while connected. */
    readonly problem: string | null;
    /** Milliseconds since 1970 at which the state was last known to be true; null: never. */
    readonly asOf: number | null;
    /** Whether a person could ask for another try now. */
    readonly mayReconnect: boolean;
  };
}

/** Notification `panel.history`: the plots from the beginning. Afterwards `panel.sample` adds one. */
export interface PanelHistory {
  readonly samples: readonly TrafficSample[];
}

/** Notification `log.appended`, as the agent sends it. */
export interface PanelLog {
  readonly entries: readonly LogEntry[];
}
