import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { etcdLeader, etcdOnHosts, killEtcd, startEtcd } from './etcdOnHosts.ts';
import { otherOf, pair, type PairName } from './harness/labCluster.ts';
import { noLab, useLabCluster } from './labSuite.ts';

describe.skipIf(noLab !== null)('with etcd on three hosts as the arbiter', () => {
  const { cluster } = useLabCluster({ arbiter: etcdOnHosts, afterPower: startEtcd });
  const isReachableFrom = (name: 'alpha' | 'beta'): boolean =>
    cluster().view.snapshot(name)?.arbiter.reachable === true;

  it('a primary that loses its power together with its member of etcd is replaced', async () => {
    await cluster().powerLoss('alpha');
    await cluster().waitUntilServing('beta');
    await cluster().waitForRecords('beta', 10);
    expect(cluster().view.module('beta', 'web')?.inSync).toEqual(['beta']);
  });

  it('its leader is killed in the moment in which the hosts lose their link: exactly one guest goes on', async () => {
    const leader = await etcdLeader(cluster());
    const cut = cluster().lab.network.cutSilently(cluster().host('alpha').station, 'link');
    await Promise.all([killEtcd(leader), cut]);
    await cluster().waitForRecords('alpha', 60);
    expect(cluster().host('beta').guests()).toEqual([]);
    await startEtcd(leader);
  });

  it('its hosts cut off from each other, each with a majority: one guest goes on, and the other host is refused and waits', async () => {
    const { view, lab } = cluster();
    const waits = (name: PairName): boolean =>
      view.replica(name, 'web')?.state === 'WAIT' && view.module(name, 'web')?.inSync.join() === otherOf(name);
    const serving = (): PairName | undefined => pair.find((name) => cluster().isServing(name) && waits(otherOf(name)));
    for (const name of pair) {
      const [one, other] = [cluster().host(name).station, cluster().host(otherOf(name)).station];
      await lab.network.separate(one, other, ['lan', 'link']);
    }
    await view.waitFor('one host serves, and the other one has learnt from etcd that it must not', () => !!serving());
    const one = serving() ?? 'alpha';
    // Longer than the detection time.
    await delay(4000);
    await cluster().waitForRecords(one, 40);
    expect(serving()).toBe(one);
    expect(cluster().host(otherOf(one)).guests()).toEqual([]);
  });

  it('a pair goes on while its majority is gone; alone it stops, and goes on when the majority is back', async () => {
    const [alpha, beta, gamma] = [cluster().host('alpha'), cluster().host('beta'), cluster().host('gamma')];
    await killEtcd(beta);
    await killEtcd(gamma);
    await cluster().view.waitFor('alpha says that the arbiter is gone', () => !isReachableFrom('alpha'), 20_000);
    // Losing the arbiter alone stops nothing.
    await cluster().waitForRecords('alpha', 30);

    await cluster().powerLoss('beta');
    await cluster().view.waitFor(
      'alpha, which cannot know whether it may go on alone, waits and says why',
      () => {
        const replica = cluster().view.replica('alpha', 'web');
        return replica?.state === 'WAIT' && (replica.reason ?? '').includes('etcd did not answer');
      },
      30_000,
    );
    expect(alpha.guests()).toEqual([]);

    await startEtcd(gamma);
    await cluster().waitUntilServing('alpha');
    await cluster().waitForRecords('alpha', 10);
  });
});
