/** A value of the module that is being made, and where it is from: the comment beside it. */
export interface Sourced<T> {
  readonly value: T;
  readonly from: string;
}

export type OnFailure = 'restart' | 'failover' | 'wait' | 'report';

/** A check of the server, or a condition to be primary. Durations in milliseconds; undefined: Understudy's default. */
export interface CheckDraft {
  readonly name: string;
  /** Exactly one kind, such as `{ tcp: { port: 80 } }`. */
  readonly kind: Readonly<Record<string, unknown>>;
  readonly every?: number;
  readonly timeout?: number;
  readonly failures?: number;
  readonly startGrace?: number;
  /** Of conditions unused. */
  onFailure?: OnFailure;
  readonly from: string;
}

/** A checker that is a program of the module, and runs on until it says whether something is up. */
export interface CustomCheck {
  /** Of its script among the generated ones. */
  readonly file: string;
  /** As SafeKit calls what it watches, such as "custom.vm1_check". */
  readonly resource: string;
  /** Relative to the module's bin folder, or absolute. */
  readonly program: string;
  readonly args: readonly string[];
}

/** What is known of the module so far. */
export class Draft {
  /** Why there will be no module file; null: there will be one. */
  impossible: string | null = null;
  /** Signs that the module was made for Windows. */
  isWindows = false;
  preferredHost: Sourced<string> | null = null;
  automatic: Sourced<boolean> | null = null;
  failback: Sourced<'automatic' | 'manual'> | null = null;
  detection: Sourced<number> | null = null;
  restarts: Sourced<number> | null = null;
  restartPeriod: Sourced<number> | null = null;
  bandwidth: Sourced<string> | null = null;
  /** Networks that heartbeats go over; the first one is where addresses are set. */
  readonly networks: string[] = [];
  replicationNetwork: string | null = null;
  readonly directories: Sourced<string>[] = [];
  readonly exclude: Sourced<string>[] = [];
  /** Globs of what is not replicated, with the directories that say so of themselves. */
  readonly exclusions = new Map<string, Set<string>>();
  readonly addresses: Sourced<{ readonly address: string; readonly interface: string | null }>[] = [];
  readonly checks: CheckDraft[] = [];
  readonly conditions: CheckDraft[] = [];
  readonly checkNames = new Set<string>();
  readonly conditionNames = new Set<string>();
  readonly dependsOn: Sourced<string>[] = [];
  readonly customChecks: CustomCheck[] = [];
  /** Files that have to be there before a start, absolute. */
  readonly required: string[] = [];
  /** Whether SafeKit runs the module's scripts at all. */
  runsScripts = false;
  niceStopMs = 300_000;
  forceStopMs = 300_000;
  stopTimesFrom = "SafeKit's defaults";
  readonly variables: { readonly name: string; readonly value: string }[] = [];
  /** What a person has to do before the module can run, in whole sentences. */
  readonly toDo: string[] = [];
  /** Checks by the resource that SafeKit's rules name, such as "custom.web". */
  readonly byResource = new Map<string, CheckDraft>();
  readonly conditionsByResource = new Map<string, CheckDraft>();

  constructor(
    /** Of the module, as Understudy names them. */
    readonly name: string,
  ) {}

  /** Adds a sentence once. */
  todo(sentence: string): void {
    if (!this.toDo.includes(sentence)) this.toDo.push(sentence);
  }
}
