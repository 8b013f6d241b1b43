import type { ModuleName } from './modules.ts';

export type ArbiterKind = 'witness' | 'etcd';

/** What the cluster is set up with. */
export interface Setting {
  readonly arbiter: ArbiterKind;
  /** `failover.detection` of both modules, milliseconds. */
  readonly detectionMs: number;
}

/** A host by what it does when a fault begins. */
export interface Target {
  readonly role: 'primary' | 'secondary' | 'third';
  readonly module: ModuleName;
}
