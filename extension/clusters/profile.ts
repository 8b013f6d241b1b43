import type { Pin } from '../client/certificates.ts';

/** A cluster that the editor knows: where it is and what it must show. Never its token. */
export interface ClusterProfile {
  /** Stable; also the key of its token. */
  readonly id: string;
  readonly name: string;
  /** `HOST:PORT`, the preferred one first. */
  readonly addresses: readonly string[];
  /** Null: `problem` says why there is none. */
  readonly pin: Pin | null;
  /** Who keeps it: only clusters added here can be removed here. */
  readonly source: 'added' | 'setting' | 'environment';
  /** File that holds the token; null: it is in the secret storage. */
  readonly tokenFile: string | null;
  /** What is wrong with a cluster from a setting or a file; null: nothing. */
  readonly problem: string | null;
}
