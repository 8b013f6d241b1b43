import type { MessagePort } from 'node:worker_threads';
import type { MirrorOptions, MirrorSettings, ReplicaRecord } from '../mirror.ts';
import type { CallMessage } from './mainCall.ts';
import type { FinishOrder } from './resyncEnd.ts';

/** What the follower's thread is started with. */
export interface FollowerSetup {
  readonly module: string;
  readonly host: string;
  /** What both hosts have to mirror, see {@link mirrorIdentity}. */
  readonly identity: string;
  readonly exclude: readonly string[];
  readonly stateDirectory: string;
  readonly resyncUndo: number | null;
  readonly processors: MirrorOptions['processors'];
  readonly listenFd: number;
  readonly wakeFd: number;
  /** Readable descriptor of the root below the read-only mounts. */
  readonly rootFd: number;
  /** One of each directory. */
  readonly rootFds: readonly number[];
  readonly session: string;
  /** Base64. */
  readonly key: string;
  readonly port: MessagePort;
  readonly callPort: MessagePort;
  readonly callFlag: SharedArrayBuffer;
  /** One Float64: the lowest epoch that is not refused. */
  readonly epoch: SharedArrayBuffer;
  /** See SessionTurn. */
  readonly turn: SharedArrayBuffer;
}

/** Main thread to follower's thread, behind a signal of the eventfd. */
export type ToFollowerThread =
  | { readonly type: 'stop' }
  | { readonly type: 'record'; readonly record: ReplicaRecord }
  | { readonly type: 'reconfigure'; readonly settings: MirrorSettings }
  | {
      readonly type: 'synced';
      readonly session: number;
      readonly number: number;
      readonly finish: boolean;
      readonly error: string | null;
    };

/** Follower's thread to main thread. */
export type FromFollowerThread =
  | CallMessage
  | { readonly type: 'ready' }
  | { readonly type: 'link'; readonly connected: boolean; readonly reason: string | null }
  | { readonly type: 'sync'; readonly session: number; readonly number: number; readonly finish: FinishOrder | null }
  | { readonly type: 'primaryEnded'; readonly epoch: number }
  | { readonly type: 'undoGivenUp'; readonly session: number; readonly reason: string }
  | { readonly type: 'stopped' }
  | { readonly type: 'crashed'; readonly reason: string };
