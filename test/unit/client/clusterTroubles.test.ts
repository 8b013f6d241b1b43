import { expect, it } from 'vitest';
import type { ConnectionState } from '../../../extension/client/agentConnection.ts';
import type { ClusterProfile } from '../../../extension/clusters/profile.ts';
import { clusterTroubles } from '../../../extension/clusters/clusterTroubles.ts';
import { ClusterStore } from '../../../extension/model/clusterStore.ts';
import { snapshotOf } from '../../support/memoryFacade.ts';

const profile: ClusterProfile = {
  ...{ id: 'site', name: 'site', addresses: [], pin: null, source: 'added', tokenFile: null, problem: null },
};

function texts(state: ConnectionState, isKnown: boolean): string[] {
  const store = new ClusterStore(() => 0);
  if (isKnown) store.replace(snapshotOf());
  return clusterTroubles([{ profile, state, store }]).map(({ text }) => text);
}

it('tells that nothing is known any more as soon as the connection is lost, and not before there was one', () => {
  const lost = ['site: not connected, state not known'];
  expect(texts({ kind: 'connecting' }, true)).toEqual(lost);
  expect(texts({ kind: 'idle' }, true)).toEqual(lost);
  expect(texts({ kind: 'connecting' }, false)).toEqual([]);
  expect(texts({ kind: 'idle' }, false)).toEqual([]);
  expect(texts({ kind: 'unreachable', reason: 'no answer' }, true)).toEqual(['site: unreachable']);
});
