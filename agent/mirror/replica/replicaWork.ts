import type { FrameHeader } from '../link/sealer.ts';

/** What the work on a replica has of the session that it is for. */
export interface WorkPort {
  /** From the start of a resync to its end changes may hit what is not there yet. */
  readonly isResyncing: () => boolean;
  /** Sends an answer to the primary. @throws ConnectionEnd */
  readonly send: (type: number, payload: Uint8Array) => void;
  /** What is at these paths has to be compared again. @throws ConnectionEnd */
  readonly miss: (paths: readonly string[], reason: string) => void;
  /** Called between the pieces of long work: the primary must see that this host is alive. @throws ConnectionEnd */
  readonly alive: () => void;
}

/**
 * What the frames of one session do to the replica; the session itself knows their order only. Payloads are valid until the call returns. What
 * is thrown and no ConnectionEnd ends the session as a change that could not be applied.
 */
export interface ReplicaWork {
  /** A frame of this type is next: waits for what frames before have only begun to store, where it has to be there for this one. */
  settleFor(type: number): void;
  /** Applies the changes of one frame. */
  mutations(payload: Buffer): void;
  /**
   * Makes a file durable.
   * @param nothingWaits no further frame has arrived
   * @returns whether it was only begun: the session is told later how it ended
   */
  flush(number: number, payload: Buffer, nothingWaits: boolean): boolean;
  /** The flush of a frame ended with this error number, 0 for success. Returns why the session has to end, null for success. */
  flushed(number: number, errno: number): string | null;
  /** A resync begins. */
  begin(full: boolean): void;
  /** A step of a resync or of a verify, which it answers itself. Returns false for a type that it does not know. */
  step(header: FrameHeader, payload: Buffer): boolean;
  /** Everything was sent and applied: the replica is in step from here on. */
  enterStep(): void;
  /** The end of the resync is durable. */
  finished(): void;
  /** The session has ended. */
  end(): void;
  /** What an error means, for people. */
  reasonOf(error: unknown): string;
}
