import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostName } from './harness/lab.ts';
import { ModulesCluster } from './harness/modulesCluster.ts';
import { noLab } from './labSuite.ts';

describe.skipIf(noLab !== null)('three active hosts and one backup host, with room there for one of them', () => {
  let cluster: ModulesCluster;
  beforeAll(async () => {
    const needs = { memory: '2GiB' };
    const more = { needs, failover: { detection: '2s' } };
    cluster = await ModulesCluster.create({
      hosts: ['alpha', 'beta', 'gamma', 'delta'],
      // Of each pair the first one that is not of it: beta for web and mail, gamma for db.
      witness: ['beta', 'gamma', 'alpha'],
      more: { capacity: { delta: { memory: '3GiB' } } },
      modules: [
        { name: 'web', hosts: ['alpha', 'delta'], more },
        { name: 'db', hosts: ['beta', 'delta'], more },
        { name: 'mail', hosts: ['gamma', 'delta'], more },
      ],
    });
  });
  afterAll(() => cluster?.destroy());

  const homes: readonly (readonly [string, HostName])[] = [
    ['web', 'alpha'],
    ['db', 'beta'],
    ['mail', 'gamma'],
  ];

  it('survive the loss of one host, and of a second one as soon as there is room again', async () => {
    for (const [module, host] of homes) await cluster.waitUntilWhole(module, host);

    await cluster.powerLoss('alpha');
    await cluster.waitUntilServing('web', 'delta');
    const load = () => cluster.view.snapshot('beta')?.hosts.find(({ name }) => name === 'delta')?.load;
    await cluster.view.waitFor('beta shows the load of delta', () => load()?.memory === 2 * 2 ** 30);
    expect(load()?.memoryCapacity).toBe(3 * 2 ** 30);

    await cluster.powerLoss('gamma');
    const why = 'delta has no room for mail beside web: 2 GiB of memory needed, 1 GiB of 3 GiB free';
    expect(await cluster.waitUntilHeldBack('mail', 'delta')).toBe(why);

    // Back on its own host, web makes room on delta.
    await cluster.powerOn('alpha');
    await cluster.waitUntilWhole('web', 'delta');
    await cluster.view.request('delta', 'module.switchover', { module: 'web', to: 'alpha' });
    await cluster.waitUntilServing('mail', 'delta');
    await cluster.waitUntilWhole('web', 'alpha');

    await cluster.powerOn('gamma');
    await cluster.waitUntilWhole('mail', 'delta');
    await cluster.view.request('delta', 'module.switchover', { module: 'mail', to: 'gamma' });
    for (const [module, host] of homes) await cluster.waitUntilWhole(module, host);

    // beta is the witness of the other two pairs: they go on without it.
    await cluster.powerLoss('beta');
    await cluster.waitUntilServing('db', 'delta');
    expect(cluster.isServing('web', 'alpha') && cluster.isServing('mail', 'gamma')).toBe(true);
    await cluster.powerOn('beta');
    await cluster.waitUntilWhole('db', 'delta');
    expect(await cluster.startsOf('web', 'delta')).toEqual(['alpha', 'delta', 'alpha']);
    expect(await cluster.startsOf('mail', 'delta')).toEqual(['gamma', 'delta', 'gamma']);
    expect(await cluster.startsOf('db', 'beta')).toEqual(['beta', 'delta']);
  });
});
