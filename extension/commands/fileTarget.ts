import type * as vscode from 'vscode';
import type { ClusterSession } from '../clusters/clusterSession.ts';

/** A module or cluster file, and the cluster that it is of. */
export interface FileTarget {
  readonly kind: 'file';
  readonly uri: vscode.Uri;
  readonly session: ClusterSession;
}
