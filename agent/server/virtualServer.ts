import type { ResolvedQemu, ResolvedScripts } from '../../schemas/defaults.ts';

/** A virtual server as the agent sees it: one adapter per hypervisor, all behind this interface. */
export type ServerState = 'stopped' | 'starting' | 'running' | 'paused' | 'stopping';

export type ServerEvent =
  | { readonly type: 'state'; readonly state: ServerState; readonly detail: string | null }
  /** The server ended without being asked to (guest crash, emulator killed, script exit). */
  | { readonly type: 'died'; readonly reason: string };

export interface StopOutcome {
  /** 'graceful': the guest shut itself down. 'quit': it ignored the request until the time-out and was ended in order. 'killed': by SIGKILL. */
  readonly how: 'graceful' | 'quit' | 'killed' | 'wasNotRunning';
  readonly durationMs: number;
}

/** What a start is told; scripts get it as environment variables. */
export interface StartContext {
  readonly module: string;
  readonly host: string;
  readonly epoch: number;
}

export interface VirtualServer {
  readonly events: (listener: (event: ServerEvent) => void) => void;
  readonly state: () => ServerState;
  /** The module's file says something else of the same kind of server: what concerns its start holds from the next one on. */
  reconfigure(config: ResolvedQemu | ResolvedScripts): void;
  /** Resolves when the server runs (qemu: QMP says running; scripts: the start script exited 0). Rejects with a ServerError that says what to do. */
  start(context: StartContext, signal: AbortSignal): Promise<void>;
  /** Graceful power-down, after the configured time-out quit. */
  stop(signal: AbortSignal): Promise<StopOutcome>;
  /** At once, without asking the guest. Resolves when nothing of the server runs any more. */
  kill(): Promise<void>;
  /** Finds and kills what an earlier agent of this host left running. Returns what it killed, for the log. */
  reap(): Promise<readonly string[]>;
  /** For the program that takes the agent over; null when it cannot be handed over now, such as while a script runs. */
  handOver(): HandedServer | null;
  /** Goes on with a server that an earlier program of this process started. Rejects when it is not there. */
  adopt(handed: HandedServer): Promise<void>;
  /** Process groups to kill when the agent dies (see Mirror.guard). */
  processGroups(): readonly number[];
}

/** A server that runs, as one program of the agent describes it to the next. */
export type HandedServer =
  { readonly kind: 'qemu'; readonly pid: number } | { readonly kind: 'scripts'; readonly epoch: number };

export class ServerError extends Error {
  override readonly name = 'ServerError';
  constructor(
    readonly code: 'SERVER_CONFIGURATION' | 'SERVER_IMAGE_MISSING' | 'SERVER_START_FAILED' | 'SERVER_TIMEOUT',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
