import { describe, expect, it } from 'vitest';
import { guestAddress } from './harness/webModule.ts';
import type { PairName } from './harness/labCluster.ts';
import { noLab, useLabCluster } from './labSuite.ts';

const url = `http://${guestAddress}/cgi-bin/status`;

describe.skipIf(noLab !== null)('with a healthy pair whose service is checked', () => {
  const check = { http: { url, contains: 'record=' }, every: '1s', failures: 2, onFailure: 'restart' };
  const { cluster } = useLabCluster({ more: { checks: [check], failover: { restarts: 1 } } });

  const answersOn = (name: PairName): boolean =>
    cluster().isServing(name) && cluster().view.replica(name, 'web')?.checks?.[0]?.state === 'well';

  /** Ends the guest's service from within; the guest runs on and writes its records. */
  async function endService(from: PairName): Promise<void> {
    const end = `fetch('http://${guestAddress}/cgi-bin/end').catch(() => undefined)`;
    await cluster().host(from).run([process.execPath, '-e', end]);
  }

  it('a service that stops answering: the guest is restarted, then fails over', async () => {
    const { view } = cluster();
    await view.waitFor('the service is well', () => answersOn('alpha'));
    const [before] = cluster().host('alpha').guests();
    await endService('alpha');
    await view.waitFor('another guest answers on alpha', () => {
      const [now] = cluster().host('alpha').guests();
      return now !== undefined && now !== before && answersOn('alpha');
    });
    await cluster().waitForRecords('alpha', 10);
    const unhealthy = (): string[] =>
      view.log.filter(({ code }) => code === 'SERVER_UNHEALTHY').map(({ message }) => message);
    const failed = `^web: check http ${guestAddress}/cgi-bin/status failed 2 times in [0-9.]+ s \\(connection refused\\)`;
    expect(unhealthy()).toEqual([expect.stringMatching(`${failed}: restarted \\(1 of 1 in 10m\\)$`)]);

    await cluster().waitUntilHealthy('alpha');
    await endService('alpha');
    await view.waitFor('the service answers on beta', () => answersOn('beta'));
    expect(unhealthy()[1]).toMatch(new RegExp(`${failed}: it fails over to beta after 1 restart in 10m$`));
    expect(view.module('beta', 'web')?.lastFailover).toMatchObject({ kind: 'failover', from: 'alpha', to: 'beta' });
    await cluster().waitForRecords('beta', 10);
    await cluster().waitUntilHealthy('beta');
    const status = await cluster().host('beta').runUnderstudy(['status']);
    expect(status).toMatch(/^ {2}check http 10\.77\.0\.50\/cgi-bin\/status: well since /m);
  });
});
