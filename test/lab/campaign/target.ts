import type { ModuleName } from './modules.ts';

export type ArbiterKind = 'witness' | 'etcd';

/** A host by what it does when a fault begins. */
export interface Target {
  readonly role: 'primary' | 'secondary' | 'third';
  readonly module: ModuleName;
}
