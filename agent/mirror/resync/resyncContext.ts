import { S_IFDIR, S_IFMT } from '../../platform/libc.ts';
import type { PrimarySession } from '../link/primarySession.ts';
import type { SharedState } from '../link/sharedState.ts';
import type { DirtyTimes } from '../replica/dirtyTimes.ts';
import type { ReplicaTree } from '../replica/tree.ts';
import type { Ledger } from './ledger.ts';
import type { Pace } from './pace.ts';

export type ResyncKind = 'delta' | 'full';

/** What the parts of a resync share on the primary. */
export interface ResyncContext {
  readonly session: PrimarySession;
  readonly shared: SharedState;
  readonly tree: ReplicaTree;
  readonly dirtyTimes: DirtyTimes;
  readonly ledger: Ledger;
  readonly pace: Pace;
  /** Whether a name is not replicated. */
  readonly excluded: (path: string) => boolean;
}

/** Sends a frame of the resync's and counts it. */
export function sendCounted(context: ResyncContext, type: number, payload: Uint8Array): void {
  const bytes = context.session.send(type, payload);
  context.ledger.sent += bytes;
  context.pace.spend(bytes);
}

/** Where a path leads after a rename: itself, another path, or null when what was there is gone. */
export type Moved = (path: string) => string | null;

export interface Rename {
  readonly from: string;
  readonly to: string;
  readonly flags: number;
}

const EXCHANGE = 2;

/** Whether a rename that was made has moved a directory: what is below has other paths then, too. */
export function movesDirectory(tree: ReplicaTree, { from, to, flags }: Rename): boolean {
  const isDirectory = (path: string) => ((tree.stat(path)?.mode ?? 0) & S_IFMT) === S_IFDIR;
  return isDirectory(to) || ((flags & EXCHANGE) !== 0 && isDirectory(from));
}

/** What a rename does to paths. */
export function movedBy(rename: Rename): Moved {
  const { from, to } = rename;
  const exchange = (rename.flags & EXCHANGE) !== 0;
  return (path) => {
    if (path === from || path.startsWith(`${from}/`)) return to + path.slice(from.length);
    if (path === to || path.startsWith(`${to}/`)) return exchange ? from + path.slice(to.length) : null;
    return path;
  };
}
