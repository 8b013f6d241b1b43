import type { ArbiterRecord } from '../core/types.ts';

export type ProposeResult =
  | { readonly granted: true; readonly record: ArbiterRecord }
  /** Somebody else changed the record first; null: there is none. */
  | { readonly granted: false; readonly current: ArbiterRecord | null };

/** The third vote. Both methods reject when it cannot be reached or nothing is known of the outcome; a proposal may be repeated then. */
export interface Arbiter {
  read(module: string): Promise<ArbiterRecord | null>;
  /** Compare-and-set: replaces the record whose epoch is `expect` (null: no record). Repeating a granted proposal is granted again. */
  propose(module: string, expect: number | null, record: ArbiterRecord): Promise<ProposeResult>;
  reachable(): boolean;
}
