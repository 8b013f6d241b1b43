import type { ModuleCoreState } from '../core/types.ts';
import type { ServerState } from '../server/virtualServer.ts';

export interface ServedModule {
  readonly core: Pick<ModuleCoreState, 'role'>;
  readonly serverState: ServerState;
  /** Its virtual addresses. */
  readonly addresses: { readonly areSet: boolean };
}

/** Whether who comes to this host for the module is served: what a load balancer asks. A server that stands still, as for a full disk, serves nobody. */
export function isServing({ core: { role }, serverState, addresses }: ServedModule): boolean {
  const mayRun = role.at === 'primary' && role.server.kind === 'running' && role.link.kind !== 'lost';
  return mayRun && serverState === 'running' && addresses.areSet;
}
