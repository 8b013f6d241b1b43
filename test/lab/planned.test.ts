import { describe, expect, it } from 'vitest';
import { RefusedRequest } from './harness/clusterView.ts';
import { noLab, useLabCluster } from './labSuite.ts';

describe.skipIf(noLab !== null)('work that is planned, on a module that goes back by itself', () => {
  const { cluster } = useLabCluster({ more: { failover: { failback: 'automatic', failbackAfter: '5s' } } });

  const view = () => cluster().view;
  const drainOf = (host: string, seenFrom: string) =>
    view()
      .snapshot(seenFrom)
      ?.hosts.find(({ name }) => name === host)?.drain ?? null;

  it('a host is drained, rebooted and undrained; then its module goes back to it', async () => {
    const drained = await cluster().host('gamma').understudy(['drain', 'alpha'], { timeoutMs: 120_000 });
    expect(drained.stdout).toMatch(/web: runs on beta\n.*alpha may be rebooted: web to beta did move/s);
    await cluster().waitUntilServing('beta');
    await cluster().waitForRecords('beta', 10);

    await cluster().powerLoss('alpha');
    await cluster().powerOn('alpha');
    await cluster().waitForAgents();
    await cluster().waitUntilHealthy('beta');
    await view().waitFor('beta knows that alpha is drained', () => drainOf('alpha', 'beta') === 'drained');
    const moved: unknown = await view()
      .request('beta', 'module.switchover', { module: 'web', to: 'alpha' })
      .catch((error: unknown) => error);
    expect(moved).toBeInstanceOf(RefusedRequest);
    expect((moved as RefusedRequest).refusal.reason).toContain('alpha is drained');
    expect(view().replica('beta', 'web')?.failback).toMatchObject({ at: null });

    await view().request('beta', 'host.undrain', { host: 'alpha' });
    await view().waitFor(
      'the failback is announced',
      () => (view().replica('beta', 'web')?.failback?.at ?? null) !== null,
    );
    await cluster().waitUntilHealthy('alpha');
    expect(drainOf('alpha', 'beta')).toBe(null);
    expect(view().module('alpha', 'web')?.lastFailover).toMatchObject({ kind: 'switchover', to: 'alpha' });
  });

  it('during a maintenance the death of guest and host is not followed by a move; at its end it is', async () => {
    const begun = await cluster()
      .host('beta')
      .understudy(['maintenance', 'web', '--for', '1h', '--reason', 'new switch']);
    expect(begun.stdout).toContain('web is in maintenance');
    for (const host of ['alpha', 'beta', 'gamma']) {
      const seen = () => view().module(host, 'web')?.maintenance?.reason === 'new switch';
      await view().waitFor(`${host} shows the maintenance`, seen);
    }

    cluster().host('alpha').killGuest();
    const told = () => view().replica('alpha', 'web')?.reason?.includes('is in maintenance (new switch)') === true;
    await view().waitFor('alpha says why the guest stays down', told);
    await view().request('beta', 'module.start', { module: 'web' });
    await cluster().waitUntilServing('alpha');
    await cluster().waitForRecords('alpha', 10);

    await cluster().powerLoss('alpha');
    const waits = () => {
      const beta = view().replica('beta', 'web');
      return beta?.state === 'WAIT' && beta.transition === null && beta.reason?.includes('is in maintenance') === true;
    };
    await view().waitFor('beta does not take over', waits);
    expect(cluster().host('beta').guests()).toEqual([]);

    // What is said last holds: not an hour any more.
    await view().request('beta', 'module.maintenance', { module: 'web', forSeconds: 3 });
    await cluster().waitUntilServing('beta');
    expect(view().module('beta', 'web')?.maintenance).toBe(null);
    await cluster().powerOn('alpha');
    await cluster().waitForAgents();
    await cluster().waitUntilHealthy('alpha');
  });
});
