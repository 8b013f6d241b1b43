import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RefusedRequest } from './harness/clusterView.ts';
import { ModulesCluster } from './harness/modulesCluster.ts';
import { noLab } from './labSuite.ts';

describe.skipIf(noLab !== null)('three modules on two hosts, of which one could not carry them all', () => {
  let cluster: ModulesCluster;
  const hosts = ['alpha', 'beta'] as const;
  beforeAll(async () => {
    cluster = await ModulesCluster.create({
      hosts: ['alpha', 'beta', 'gamma'],
      witness: 'gamma',
      more: { capacity: { alpha: { memory: '8GiB' }, beta: { memory: '5GiB' } } },
      modules: [
        { name: 'app', hosts, more: { needs: { memory: '2GiB' }, dependsOn: ['db'] } },
        { name: 'db', hosts, startTakes: 1, more: { needs: { memory: '2GiB' } } },
        { name: 'spare', hosts, more: { needs: { memory: '2GiB' }, priority: -1 } },
      ],
    });
  });
  afterAll(() => cluster?.destroy());

  const first = (host: 'alpha' | 'beta', module: string, code: string): number =>
    cluster.loggedAt(host, module, code).at(-1) ?? NaN;
  const loadOf = (host: 'alpha' | 'beta') =>
    cluster.view.snapshot('gamma')?.hosts.find(({ name }) => name === host)?.load?.memory;
  const GiB = 2 ** 30;

  it('are started by what they depend on, at first and after a failover, as far as there is room', async () => {
    for (const module of ['db', 'app', 'spare']) await cluster.waitUntilWhole(module, 'alpha');
    expect(first('alpha', 'app', 'SERVER_STARTING')).toBeGreaterThanOrEqual(first('alpha', 'db', 'SERVER_RUNNING'));
    await cluster.view.waitFor('gamma shows the load of alpha', () => loadOf('alpha') === 6 * GiB);
    expect(cluster.view.module('alpha', 'spare')?.warnings).toEqual([
      'If alpha fails, beta is to run app, db, spare, which need 6 GiB of memory of 5 GiB: not all of them are started.',
    ]);

    await cluster.powerLoss('alpha');
    await cluster.waitUntilServing('app', 'beta');
    expect(first('beta', 'app', 'SERVER_STARTING')).toBeGreaterThanOrEqual(first('beta', 'db', 'SERVER_RUNNING'));
    expect(await cluster.waitUntilHeldBack('spare', 'beta')).toBe(
      'beta has no room for spare beside db, app: 2 GiB of memory needed, 1 GiB of 5 GiB free',
    );
    expect(cluster.view.replica('beta', 'spare')?.reason).toContain(
      '`understudy start spare --anyway` starts it all the same',
    );
    await cluster.view.waitFor('gamma shows the load of beta', () => loadOf('beta') === 4 * GiB);

    const start = cluster.view.request('beta', 'module.start', { module: 'spare' });
    await expect(start).rejects.toThrow('beta has no room for spare');
    const anyway = await cluster.host('gamma').understudy(['start', 'spare', '--anyway']);
    expect(anyway.stdout).toContain('spare runs on beta');
  });

  it('are given back before what they depend on when the host is drained', async () => {
    await cluster.powerOn('alpha');
    for (const module of ['db', 'app', 'spare']) await cluster.waitUntilWhole(module, 'beta');
    const drained = await cluster.host('gamma').understudy(['drain', 'beta'], { timeoutMs: 120_000 });
    expect(drained.stdout).toContain('beta may be rebooted');
    for (const module of ['db', 'app', 'spare']) await cluster.waitUntilWhole(module, 'alpha');
    expect(first('beta', 'db', 'LEAVING')).toBeGreaterThanOrEqual(first('alpha', 'app', 'SERVER_RUNNING'));
    await cluster.view.request('alpha', 'host.undrain', { host: 'beta' });

    const back = cluster.view.request('alpha', 'host.drain', { host: 'alpha' });
    const refused = await back.then(
      () => null,
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(RefusedRequest);
    expect((refused as RefusedRequest).refusal.reason).toMatch(
      /nothing was moved from alpha.*beta has no room for .* together: 6 GiB of memory needed, 5 GiB of 5 GiB free/,
    );
    // What was written down of every start is on both hosts.
    for (const module of ['db', 'app', 'spare']) {
      const stopped = () => hosts.every((host) => cluster.view.replica(host, module)?.state === 'STOP');
      await cluster.view.request('alpha', 'module.stop', { module });
      await cluster.view.waitFor(`${module} is stopped`, stopped);
      for (const host of hosts) expect(await cluster.startsOf(module, host)).toEqual(['alpha', 'beta', 'alpha']);
    }
  });

  it('are handed over before what they depend on when the agent is stopped', async () => {
    for (const module of ['db', 'app']) await cluster.view.request('alpha', 'module.start', { module });
    for (const module of ['db', 'app']) await cluster.waitUntilWhole(module, 'alpha');
    await cluster.host('alpha').stopAgent();
    for (const module of ['db', 'app']) await cluster.waitUntilServing(module, 'beta');
    expect(first('alpha', 'db', 'LEAVING')).toBeGreaterThanOrEqual(first('beta', 'app', 'SERVER_RUNNING'));
  });
});

describe.skipIf(noLab !== null)('modules that are to be apart, on two hosts', () => {
  let cluster: ModulesCluster;
  const pair = ['alpha', 'beta'] as const;
  beforeAll(async () => {
    // Hosts that are switched on together are not to take each other for dead, however slow the machine is.
    const failover = { detection: '5s' };
    cluster = await ModulesCluster.create({
      hosts: ['alpha', 'beta', 'gamma'],
      witness: 'gamma',
      modules: [
        { name: 'web', hosts: pair, more: { failover, antiAffinity: { preferred: ['web2'] } } },
        { name: 'web2', hosts: pair, more: { failover } },
        { name: 'mail', hosts: ['alpha', 'beta'], more: { failover } },
        { name: 'mail2', hosts: ['beta', 'alpha'], more: { failover, antiAffinity: { required: ['mail'] } } },
      ],
    });
  });
  afterAll(() => cluster?.destroy());

  const homeOf = (module: string) => pair.find((host) => cluster.isServing(module, host)) ?? null;

  it('start on a host each while both are at hand; with one host the preference gives way, and the requirement does not', async () => {
    // What has never run starts where its files are.
    for (const module of ['web', 'web2', 'mail']) await cluster.waitUntilWhole(module, 'alpha');
    await cluster.waitUntilWhole('mail2', 'beta');
    expect(cluster.view.module('alpha', 'web2')?.warnings).toEqual([
      'web2 and web both run on alpha, and should be kept apart.',
    ]);

    await Promise.all(pair.map((host) => cluster.powerLoss(host)));
    await Promise.all(pair.map((host) => cluster.powerOn(host)));
    const isApart = (): boolean =>
      homeOf('web') !== null && homeOf('web2') !== null && homeOf('web') !== homeOf('web2');
    await cluster.view.waitFor('web and web2 run on a host each', isApart);
    for (const module of ['web', 'web2']) await cluster.waitUntilWhole(module, homeOf(module) ?? 'alpha');
    await cluster.waitUntilWhole('mail', 'alpha');
    await cluster.waitUntilWhole('mail2', 'beta');
    for (const module of ['web', 'web2']) expect(cluster.view.module('alpha', module)?.warnings).toEqual([]);

    await cluster.powerLoss('beta');
    for (const module of ['web', 'web2', 'mail']) await cluster.waitUntilServing(module, 'alpha');
    expect(await cluster.waitUntilHeldBack('mail2', 'alpha')).toBe('alpha runs mail, which must not run beside mail2');
    expect(cluster.view.replica('alpha', 'mail2')?.state).toBe('WAIT');

    await cluster.powerOn('beta');
    await cluster.waitUntilWhole('mail2', 'beta');
    // Nothing is moved for a preference.
    for (const module of ['web', 'web2', 'mail']) await cluster.waitUntilWhole(module, 'alpha');
  });
});
