import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { etcdLeader, etcdOnHosts, killEtcd, startEtcd } from './etcdOnHosts.ts';
import { Lab } from './harness/lab.ts';
import { otherOf, pair, type PairName } from './harness/labCluster.ts';
import { ScriptsCluster } from './harness/scriptsCluster.ts';
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

describe.skipIf(noLab !== null)('two clusters with one etcd as the arbiter', () => {
  let lab: Lab;
  let clusters: readonly ScriptsCluster[] = [];
  const each = (what: (cluster: ScriptsCluster) => Promise<unknown>): Promise<unknown> =>
    Promise.all(clusters.map(what));

  beforeAll(async () => {
    lab = await Lab.create();
    await Promise.all(lab.hosts.map(startEtcd));
    clusters = [new ScriptsCluster(lab, 'red', 1, etcdOnHosts), new ScriptsCluster(lab, 'blue', 2, etcdOnHosts)];
    await each((cluster) => cluster.create());
    await each((cluster) => cluster.start());
    await each((cluster) => cluster.waitUntilWhole('alpha'));
  });
  afterAll(() => {
    for (const cluster of clusters) cluster.close();
    lab.destroy();
  });

  it('each has a module of the same name: both fail over at once, and a switchover of one says nothing of the other', async () => {
    onTestFailed(() => console.error(clusters.map((cluster) => cluster.describe()).join('\n')));
    await each((cluster) => cluster.waitForRecords(10));
    const alpha = lab.host('alpha');
    await alpha.powerLoss();
    for (const { view } of clusters) view.drop('alpha');
    await each((cluster) => cluster.waitFor('beta', 'ALONE'));
    for (const cluster of clusters) {
      const acknowledged = cluster.acknowledged();
      expect(cluster.wrongRecords('beta')).toEqual([]);
      expect(cluster.recordsOn('beta')).toBeGreaterThanOrEqual(acknowledged);
      await cluster.waitForRecords(10);
    }
    await alpha.powerOn();
    await startEtcd(alpha);
    for (const cluster of clusters) cluster.startAgent('alpha');
    await each((cluster) => cluster.waitUntilWhole('beta'));

    const epochs = (): readonly (number | undefined)[] => clusters.map(({ view }) => view.module('beta', 'web')?.epoch);
    const [red, blue] = epochs();
    await clusters[0]?.view.request('beta', 'module.switchover', { module: 'web' });
    await clusters[0]?.waitUntilWhole('alpha');
    await clusters[1]?.waitForRecords(10);
    await clusters[1]?.waitUntilWhole('beta');
    expect(epochs()[0]).toBeGreaterThan(red ?? 0);
    expect(epochs()[1]).toBe(blue);
  });
});
