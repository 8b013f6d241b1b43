import { describe, expect, it } from 'vitest';
import type { ApplyResult } from '../../schemas/generated/api.ts';
import { RefusedRequest } from './harness/clusterView.ts';
import { webModuleFile } from './harness/webModule.ts';
import { noLab, useLabCluster } from './labSuite.ts';

describe.skipIf(noLab !== null)('with a healthy pair', () => {
  const { cluster } = useLabCluster();

  it('power loss of the secondary: the guest runs on alone, and what it wrote is copied when the host returns', async () => {
    await cluster().powerLoss('beta');
    await cluster().waitForRecords('alpha', 40);
    expect(cluster().view.module('alpha', 'web')?.inSync).toEqual(['alpha']);
    await cluster().powerOn('beta');
    await cluster().waitUntilHealthy('alpha');
    expect(cluster().view.module('alpha', 'web')?.lastResync).toMatchObject({ host: 'beta', kind: 'delta' });
  });

  it('power loss of both hosts: only the one that went on alone starts again', async () => {
    await cluster().powerLoss('beta');
    await cluster().waitForRecords('alpha', 20);
    await cluster().powerLoss('alpha');
    // beta's replica is stale: it lacks what alpha wrote alone.
    await cluster().powerOn('beta');
    await cluster().waitForAgents(['beta', 'gamma']);
    await cluster().view.waitFor('beta waits', () => cluster().view.replica('beta', 'web')?.state === 'WAIT');
    await new Promise((resolve) => setTimeout(resolve, 5000));
    expect(cluster().host('beta').guests()).toEqual([]);
    await cluster().powerOn('alpha');
    await cluster().waitUntilServing('alpha');
    await cluster().waitUntilHealthy('alpha');
  });

  it('power loss of the witness: the pair goes on', async () => {
    const before = cluster().host('alpha').guests();
    await cluster().powerLoss('gamma');
    await cluster().waitForRecords('alpha', 80);
    expect(cluster().isHealthy('alpha')).toBe(true);
    expect(cluster().host('alpha').guests()).toEqual(before);
  });

  it('power loss of witness and primary: the secondary waits for the witness, then takes over', async () => {
    await cluster().powerLoss('gamma');
    await cluster().powerLoss('alpha');
    await new Promise((resolve) => setTimeout(resolve, 6000));
    expect(cluster().host('beta').guests()).toEqual([]);
    await cluster().powerOn('gamma');
    await cluster().waitUntilServing('beta');
    await cluster().waitForRecords('beta', 10);
  });

  it('a host and a witness that are gone for good: new machines of their names join, and files can be applied again', async () => {
    const apply = (detection: string): Promise<ApplyResult> => {
      const files = [{ name: 'web.module.jsonc', text: webModuleFile({ more: { failover: { detection } } }) }];
      return cluster().view.request('alpha', 'configuration.apply', { files });
    };
    expect(await apply('4s')).toMatchObject({ applied: true, version: 1 });
    await cluster().powerLoss('gamma');
    await cluster().replaceMachine('gamma');
    await cluster().waitForAgents();
    await cluster().powerLoss('beta');
    await cluster().view.waitFor('alpha is alone', () => cluster().view.replica('alpha', 'web')?.state === 'ALONE');
    expect((await apply('3s')).problems).toMatchObject([{ host: 'beta', message: /beta is not reachable/ }]);
    await cluster().replaceMachine('beta');
    await cluster().waitUntilHealthy('alpha');
    expect(cluster().view.module('alpha', 'web')?.lastResync).toMatchObject({ host: 'beta', kind: 'full' });
    expect(await apply('3s')).toMatchObject({ applied: true, version: 2 });
  });

  it('a switchover is refused without a secondary, and says why', async () => {
    await cluster().powerLoss('beta');
    await cluster().view.waitFor('alpha is alone', () => cluster().view.replica('alpha', 'web')?.state === 'ALONE');
    const request = cluster().view.request('alpha', 'module.switchover', { module: 'web', to: 'beta' });
    const refused: unknown = await request.catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RefusedRequest);
    expect((refused as RefusedRequest).refusal.code).toMatch(/NOT_HEALTHY|NOT_IN_SYNC|HOST_UNREACHABLE/);
    expect(cluster().isServing('alpha')).toBe(true);
  });
});
