import type { MessagePort } from 'node:worker_threads';
import type { ReplicaRecord } from '../mirror.ts';

/** What the thread that receives from the follower is told first, perhaps long after it was started. Null: it is not needed. */
export interface AckSetup {
  readonly address: string;
  readonly tcpPort: number;
  readonly session: string;
  /** Base64. */
  readonly key: string;
  readonly epoch: number;
  /** What both hosts have to mirror, see {@link mirrorIdentity}. */
  readonly identity: string;
  readonly host: string;
  readonly connectTimeoutMs: number;
  /** After this long without TCP acknowledgement the connection is dead, milliseconds. */
  readonly userTimeoutMs: number;
  readonly shared: SharedArrayBuffer;
  readonly fuseFd: number;
  readonly wakeFd: number;
  /** To the main thread. */
  readonly port: MessagePort;
  /** To the dispatcher. */
  readonly answers: MessagePort;
}

export type FromAckThread =
  | {
      readonly type: 'connected';
      readonly fd: number;
      /** Base64: key of the frames to the follower, and how many were sealed with it. */
      readonly sendKey: string;
      readonly sealed: number;
      /** The follower's host. */
      readonly host: string;
      readonly record: ReplicaRecord;
      /** Null when the follower's marks can be trusted, else why not. */
      readonly marksProblem: string | null;
    }
  | { readonly type: 'refused'; readonly code: string; readonly message: string }
  | { readonly type: 'lost'; readonly reason: string }
  | { readonly type: 'ended' };

/** What the follower said, for the dispatcher. */
export interface Answer {
  readonly type: number;
  readonly payload: Uint8Array;
}
