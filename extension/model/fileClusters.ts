/** Which of the clusters that the editor is connected to a module or cluster file is about. */
import type { Role, Snapshot } from '../../schemas/generated/api.ts';

/** A cluster that is connected now. */
export interface LiveCluster {
  /** Tells it from the others that the editor knows. */
  readonly id: string;
  /** As the editor calls it. */
  readonly name: string;
  /** Of the token. */
  readonly role: Role;
  readonly snapshot: Snapshot;
}

/** What a file is about, as far as it tells. */
export interface FileSubject {
  readonly kind: 'module' | 'cluster';
  /** Name of the module, or of the cluster. */
  readonly name: string;
  /** Name of the cluster in the cluster file that belongs to a module file; null: there is none, or several, or it has no name. */
  readonly cluster: string | null;
}

/**
 * The clusters that a file is about. A module file that has a cluster file is about that cluster, and about no other one that happens
 * to have a module of the same name. Several: the editor knows a cluster more than once, or nothing tells which one is meant.
 */
export function clustersOf<Cluster extends LiveCluster>(
  { kind, name, cluster }: FileSubject,
  clusters: readonly Cluster[],
): readonly Cluster[] {
  const wanted = kind === 'cluster' ? name : cluster;
  if (wanted !== null) return clusters.filter(({ snapshot }) => snapshot.cluster === wanted);
  return clusters.filter(({ snapshot }) => snapshot.modules.some((module) => module.name === name));
}
