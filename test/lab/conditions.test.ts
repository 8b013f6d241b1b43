import { rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { otherOf, pair, type PairName } from './harness/labCluster.ts';
import { noLab, useLabCluster } from './labSuite.ts';

/** There while the host's uplink is well. */
const uplink = '/var/uplink';

describe.skipIf(noLab !== null)('with a healthy pair that has a condition to be primary', () => {
  const condition = { name: 'uplink', command: ['/usr/bin/test', '-e', uplink], every: '1s', failures: 2 };
  const { cluster } = useLabCluster({
    more: { failover: { conditions: [condition] } },
    beforeAgents: (host) => writeFile(host.outside(uplink), ''),
  });

  const setUplink = (name: PairName, isWell: boolean): Promise<void> => {
    const file = cluster().host(name).outside(uplink);
    return isWell ? writeFile(file, '') : rm(file);
  };
  const meets = (name: PairName): string | undefined => cluster().view.replica(name, 'web')?.conditions?.[0]?.state;
  const until = (name: PairName, state: string): Promise<void> =>
    cluster().view.waitFor(`the uplink of ${name} is ${state}`, () => meets(name) === state);
  const moves = (): number => cluster().view.log.filter(({ code }) => code === 'LEAVING_FOR_CONDITIONS').length;

  it('an uplink of both hosts that is gone moves nothing; one of the primary alone moves the guest', async () => {
    for (const name of pair) await until(name, 'well');
    for (const name of pair) await setUplink(name, false);
    for (const name of pair) await until(name, 'failed');
    await cluster().view.waitFor('the reason is shown', () =>
      /alpha does not meet .* nor does beta: nothing moves/.test(cluster().view.replica('alpha', 'web')?.reason ?? ''),
    );
    // Far longer than it takes to move.
    await cluster().waitForRecords('alpha', 100);
    expect(moves()).toBe(0);
    for (const name of pair) await setUplink(name, true);
    for (const name of pair) await until(name, 'well');
    await cluster().waitUntilHealthy('alpha');

    await setUplink('alpha', false);
    await cluster().waitUntilServing('beta');
    await cluster().waitForRecords('beta', 10);
    expect(moves()).toBe(1);
    await cluster().waitUntilHealthy('beta');
    const back = cluster().view.request('beta', 'module.switchover', { module: 'web', to: otherOf('beta') });
    await expect(back).rejects.toThrow(/alpha does not meet a condition to be primary/);
    await setUplink('alpha', true);
    await until('alpha', 'well');
    await cluster().waitForRecords('beta', 50);
    expect(cluster().isServing('beta')).toBe(true);
    expect(moves()).toBe(1);
  });
});
