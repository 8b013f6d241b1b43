import type { ClusterSession } from '../clusters/clusterSession.ts';

/** A cluster. */
export interface ClusterNode {
  readonly kind: 'cluster';
  readonly id: string;
  readonly session: ClusterSession;
}

/** A module of a cluster. */
export interface ModuleNode {
  readonly kind: 'module';
  readonly id: string;
  readonly session: ClusterSession;
  readonly module: string;
}

/** A module on one of its hosts. */
export interface ReplicaNode {
  readonly kind: 'replica';
  readonly id: string;
  readonly session: ClusterSession;
  readonly module: string;
  readonly host: string;
}

/** The witness of a cluster. */
export interface WitnessNode {
  readonly kind: 'witness';
  readonly id: string;
  readonly session: ClusterSession;
  readonly host: string;
}

/** A line that says why there is nothing else, or what needs somebody. */
export interface NoteNode {
  readonly kind: 'note';
  readonly id: string;
  readonly session: ClusterSession;
  readonly text: string;
  readonly isWarning?: true;
}

export type TreeNode = ClusterNode | ModuleNode | ReplicaNode | WitnessNode | NoteNode;

/** The nodes below `node`; below the root when undefined. Nodes of the same id are equal. */
export function childrenOf(node: TreeNode | undefined, sessions: readonly ClusterSession[]): TreeNode[] {
  if (node === undefined) {
    return sessions.map((session) => ({ kind: 'cluster', id: session.profile.id, session }));
  }
  const { session } = node;
  const snapshot = session.store.snapshot;
  if (node.kind === 'cluster') {
    if (snapshot === null) {
      const note = noteFor(session);
      return note === null ? [] : [{ kind: 'note', id: `${node.id}/note`, session, text: note }];
    }
    const modules = snapshot.modules.map((module): TreeNode => {
      return { kind: 'module', id: `${node.id}/${module.name}`, session, module: module.name };
    });
    const witnesses = snapshot.hosts
      .filter((host) => host.role === 'witness')
      .map((host): TreeNode => ({ kind: 'witness', id: `${node.id}/witness/${host.name}`, session, host: host.name }));
    const drift = (snapshot.configuration?.drift ?? []).map((text, index): TreeNode => {
      return { kind: 'note', id: `${node.id}/drift/${String(index)}`, session, text, isWarning: true };
    });
    const empty: TreeNode = { kind: 'note', id: `${node.id}/note`, session, text: 'No module on these hosts yet' };
    return modules.length === 0 ? [empty, ...witnesses, ...drift] : [...modules, ...witnesses, ...drift];
  }
  if (node.kind !== 'module') return [];
  const replicas = session.store.module(node.module)?.onHosts ?? [];
  return replicas.map(({ host }) => ({
    kind: 'replica',
    id: `${node.id}/${host}`,
    session,
    module: node.module,
    host,
  }));
}

/** The node above `node`. */
export function parentOf(node: TreeNode): TreeNode | undefined {
  const { session } = node;
  const cluster: ClusterNode = { kind: 'cluster', id: session.profile.id, session };
  if (node.kind === 'cluster') return undefined;
  if (node.kind !== 'replica') return cluster;
  return { kind: 'module', id: `${cluster.id}/${node.module}`, session, module: node.module };
}

function noteFor(session: ClusterSession): string | null {
  const { state } = session;
  if (state.kind === 'connecting' || state.kind === 'idle') return 'Connecting…';
  return state.kind === 'connected' ? null : state.reason;
}
