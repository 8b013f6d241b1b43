import type { ResolvedModule } from '../../schemas/defaults.ts';

/**
 * How long that takes which the core waits for and no file says, milliseconds. A fault is played several times, with what is quick and what is
 * slow: where the times differ a range is told.
 */
export interface Pace {
  /** From one host to another. */
  readonly networkMs: number;
  /** Until a record of the arbiter is durable. */
  readonly recordMs: number;
  /** Until a replica has durably entered an epoch, and what else takes a moment. */
  readonly momentMs: number;
  readonly mountMs: number;
  /** A resync that has little to compare. */
  readonly compareMs: number;
  /** Both replicas become durable, and the mount goes. */
  readonly releaseMs: number;
  /** Until nothing of a server is left that is killed. */
  readonly killMs: number;
  /** The neighbours are asked whether one of them has a virtual address, before the server starts; 0: the module has none. */
  readonly addressMs: number;
  /** Until the agent knows that the server runs: its own work begins then. */
  readonly startMs: number;
  /** A stop in order. */
  readonly stopMs: number;
  /** Until an end that hears nothing takes its connection for lost, where nothing is waited for. */
  readonly noticeMs: number;
  /** The service manager starts an agent again that has died. */
  readonly agentMs: number;
  /** A fencing device powers a host off. */
  readonly fenceMs: number;
  /** How much of the time from one heartbeat, or one look of a check, to the next has passed when the fault comes: 0 to 1. */
  readonly phase: number;
}

const usual: Pace = {
  networkMs: 2,
  recordMs: 8,
  momentMs: 15,
  mountMs: 80,
  compareMs: 700,
  releaseMs: 50,
  killMs: 25,
  addressMs: 430,
  startMs: 200,
  stopMs: 5000,
  noticeMs: 1500,
  agentMs: 1500,
  fenceMs: 3000,
  phase: 0.5,
};
const quick: Pace = {
  ...usual,
  networkMs: 0.3,
  recordMs: 2,
  momentMs: 3,
  mountMs: 20,
  compareMs: 100,
  releaseMs: 10,
  killMs: 5,
  addressMs: 400,
  startMs: 50,
  stopMs: 1000,
  noticeMs: 50,
  agentMs: 1200,
  fenceMs: 500,
  phase: 0.97,
};
const slow: Pace = {
  ...usual,
  networkMs: 10,
  recordMs: 20,
  momentMs: 50,
  mountMs: 150,
  compareMs: 2000,
  releaseMs: 100,
  killMs: 50,
  addressMs: 600,
  startMs: 400,
  stopMs: 20_000,
  noticeMs: 3000,
  agentMs: 2500,
  fenceMs: 10_000,
  phase: 0.03,
};

/** The usual one first. */
export function pacesFor({
  server,
  virtualAddresses,
}: Pick<ResolvedModule, 'server' | 'virtualAddresses'>): readonly Pace[] {
  const limitMs = server.kind === 'qemu' ? server.shutdownTimeoutMs : server.timeoutMs;
  return [usual, quick, slow].map((pace) => {
    const stopMs = Math.min(server.kind === 'qemu' ? pace.stopMs : pace.stopMs / 5, limitMs);
    // There is no other way to end what scripts have started than to let the one for that run.
    return {
      ...pace,
      stopMs,
      killMs: server.kind === 'qemu' ? pace.killMs : stopMs,
      addressMs: virtualAddresses.length === 0 ? 0 : pace.addressMs,
    };
  });
}
