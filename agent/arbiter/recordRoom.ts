import { RecordError } from './recordText.ts';

/** Clusters of one witness. */
export const mostClusters = 128;

/** Records that there may be, each a block of 4 KiB: 12 MiB in all. */
export const recordLimits = {
  /** A cluster has room for these whatever the others do. */
  certain: 16,
  /** What all clusters together may have beyond that. */
  shared: 1024,
  /** Of one cluster. */
  most: 256,
} as const;

/** Whether one more record fits in. @param others how many each other cluster has */
export function hasRoom(own: number, others: readonly number[]): boolean {
  if (own < recordLimits.certain) return true;
  const shared = [own, ...others].reduce((sum, count) => sum + Math.max(count - recordLimits.certain, 0), 0);
  return own < recordLimits.most && shared < recordLimits.shared;
}

/** What one cluster's records find in the place that all share. */
export interface RecordRoom {
  /** @throws RecordError when there is none for one more */
  take(): void;
  giveBack(): void;
}

/** The place that the records of all clusters share. */
export class SharedRoom {
  readonly #counts = new Map<string, number>();

  /** @param count of the records that are there */
  open(cluster: string, count: number): RecordRoom {
    this.#counts.set(cluster, count);
    const change = (by: number): Map<string, number> =>
      this.#counts.set(cluster, (this.#counts.get(cluster) ?? 0) + by);
    return {
      take: () => {
        const own = this.#counts.get(cluster) ?? 0;
        const others = [...this.#counts].filter(([name]) => name !== cluster).map(([, each]) => each);
        if (!hasRoom(own, others)) {
          throw new RecordError(
            `the witness has no room for the record of another module of this cluster, it has ${String(own)}: remove the cluster there and add it again while its modules run. That clears the records of all of them, and one that is stopped by then starts only when both of its hosts are there`,
          );
        }
        change(+1);
      },
      giveBack: () => void change(-1),
    };
  }

  close(cluster: string): void {
    this.#counts.delete(cluster);
  }
}
