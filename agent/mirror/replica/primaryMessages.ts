import type { MessagePort } from 'node:worker_threads';
import type {
  Difference,
  LineageEntry,
  MirrorOptions,
  MirrorSettings,
  ReplicaRecord,
  ResyncBandwidth,
  ResyncPace,
  ResyncProgress,
  Stopped,
  VerifyProgress,
  VerifyReport,
} from '../mirror.ts';
import type { SessionKeeping } from '../mount/session.ts';
import type { CallMessage } from './mainCall.ts';
import type { ReplicationNews } from './replication.ts';

/** What the dispatcher's thread is started with. */
export interface DispatcherSetup {
  readonly module: string;
  /** How many are mirrored. */
  readonly directories: number;
  readonly exclude: readonly string[];
  readonly stateDirectory: string;
  /** The record says that this host's disk has lost what it had taken. */
  readonly diskHasFailed: boolean;
  /** When this replica's use ended in order before, as long as a resync since has not ended. */
  readonly stopped: Stopped | null;
  readonly resyncBandwidth: ResyncBandwidth;
  readonly directIo: MirrorOptions['directIo'];
  readonly processors: MirrorOptions['processors'];
  readonly fuseFd: number;
  readonly backingFd: number;
  readonly wakeFd: number;
  readonly shared: SharedArrayBuffer;
  readonly port: MessagePort;
  readonly callPort: MessagePort;
  readonly callFlag: SharedArrayBuffer;
  readonly keeping: Omit<SessionKeeping, 'announce'> | null;
}

/** Main thread to dispatcher, behind a signal of the eventfd. */
export type ToDispatcher =
  | {
      readonly type: 'attach';
      readonly fd: number;
      /** Base64. */
      readonly sendKey: string;
      readonly sealed: number;
      readonly epoch: number;
      readonly answers: MessagePort;
      readonly record: ReplicaRecord;
      readonly followerRecord: ReplicaRecord;
      readonly followerMarksProblem: string | null;
      readonly followerName: string;
    }
  | { readonly type: 'epoch'; readonly token: number; readonly entry: LineageEntry; readonly record: ReplicaRecord }
  | { readonly type: 'localSynced'; readonly token: number; readonly failed: boolean }
  | { readonly type: 'tick' }
  /** What this replica held when it began to serve is durable; or the disk has lost something of it. */
  | { readonly type: 'settled'; readonly failed: boolean }
  | { readonly type: 'paceResync'; readonly pace: ResyncPace }
  | { readonly type: 'reconfigure'; readonly settings: MirrorSettings }
  | { readonly type: 'verify'; readonly bandwidth: number | null }
  | { readonly type: 'stopVerify' }
  /** Null: everything. */
  | { readonly type: 'markDifferences'; readonly token: number; readonly differences: readonly Difference[] | null }
  /** The server is dead, and nothing is acknowledged any more: the follower may know. */
  | { readonly type: 'tellEnd' }
  /** The mount is gone: make both replicas durable and end. */
  | { readonly type: 'release' }
  | { readonly type: 'stop' };

export interface DispatcherStats {
  readonly writes: number;
  readonly bytesWritten: number;
  readonly flushes: number;
  readonly markedBytes: number;
}

/** Dispatcher to main thread. */
export type FromDispatcher =
  | CallMessage
  | ReplicationNews
  | { readonly type: 'serving' }
  | { readonly type: 'lost'; readonly reason: string }
  | { readonly type: 'resync'; readonly progress: ResyncProgress }
  | { readonly type: 'verify'; readonly progress: VerifyProgress }
  | { readonly type: 'verified'; readonly report: VerifyReport }
  | { readonly type: 'differencesMarked'; readonly token: number; readonly error: string | null }
  | { readonly type: 'syncLocal'; readonly token: number }
  | { readonly type: 'stats'; readonly stats: DispatcherStats }
  /** Something was sent to the keeper. */
  | { readonly type: 'keeping' }
  | { readonly type: 'unmounted' }
  /** Whether all that was changed behind the mirror before is marked. */
  | { readonly type: 'released'; readonly allMarked: boolean }
  | { readonly type: 'stopped' }
  | { readonly type: 'crashed'; readonly reason: string };
