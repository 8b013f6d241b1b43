import type { MethodHandlers } from './method.ts';

export const clusterMethods: MethodHandlers<'cluster.snapshot' | 'cluster.subscribe'> = {
  'cluster.snapshot': (_params, { facade }) => facade.snapshot(),

  'cluster.subscribe': ({ log }, { facade, outbox }) => {
    // Listening comes first: nothing may happen between the snapshot and the first change.
    outbox.subscribe(facade, log === true);
    return facade.snapshot();
  },
};
