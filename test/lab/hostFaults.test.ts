import { utimes } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ApplyResult } from '../../schemas/generated/api.ts';
import { RefusedRequest } from './harness/clusterView.ts';
import { pair, type PairName } from './harness/labCluster.ts';
import { webModuleFile } from './harness/webModule.ts';
import { noLab, useLabCluster } from './labSuite.ts';

const hourMs = 3_600_000;

describe.skipIf(noLab !== null)('with a healthy pair', () => {
  const { cluster } = useLabCluster({ settableClocks: true });
  const reasonOf = (name: PairName): string => {
    const replica = cluster().view.replica(name, 'web');
    return (replica?.state === 'WAIT' && replica.reason) || '';
  };

  it('power loss of the secondary: the guest runs on alone, and what it wrote is copied when the host returns', async () => {
    await cluster().powerLoss('beta');
    await cluster().waitForRecords('alpha', 40);
    expect(cluster().view.module('alpha', 'web')?.inSync).toEqual(['alpha']);
    await cluster().powerOn('beta');
    await cluster().waitUntilHealthy('alpha');
    expect(cluster().view.module('alpha', 'web')?.lastResync).toMatchObject({ host: 'beta', kind: 'delta' });
  });

  it('cold start with clocks hours apart: only the host that went on alone starts again, however old it looks', async () => {
    const { view } = cluster();
    const starts = (await cluster().guestIds()).length;
    // By any clock on a wall, and by the times of the files, beta's replica is the newer one; yet it lacks what alpha wrote alone.
    const aheadMs = { alpha: -5 * hourMs, beta: 7 * hourMs };
    for (const name of pair) await cluster().host(name).setClock(aheadMs[name]);
    await cluster().waitForRecords('alpha', 10);
    await cluster().powerLoss('beta');
    await cluster().waitForRecords('alpha', 20);
    await cluster().powerLoss('alpha');
    const later = new Date(Date.now() + aheadMs.beta);
    await utimes(cluster().image('beta'), later, later);
    await cluster().powerOn('beta');
    await cluster().waitForAgents(['beta', 'gamma']);
    await view.waitFor('beta waits for alpha', () => reasonOf('beta').startsWith('beta is not in sync since epoch'));
    // What is missing, and what an operator may decide.
    expect(reasonOf('beta')).toContain('waiting for alpha, which is not reachable');
    expect(reasonOf('beta')).toContain('`understudy force-primary web --host beta` starts web without what only alpha');
    await delay(5000);
    expect(cluster().host('beta').guests()).toEqual([]);
    await cluster().powerOn('alpha');
    await cluster().waitUntilServing('alpha');
    await cluster().waitUntilHealthy('alpha');
    await cluster().waitForRecords('alpha', 10);
    expect(await cluster().guestIds()).toHaveLength(starts + 1);
    // Both agents did see these clocks.
    for (const name of pair) {
      const { entries } = await view.request(name, 'log.read', { limit: 100 });
      const said = entries.findLast(({ host }) => host === name);
      expect(Math.abs(Date.parse(said?.time ?? '') - Date.now() - aheadMs[name])).toBeLessThan(hourMs);
    }
    for (const name of pair) await cluster().host(name).setClock(0);
    await cluster().waitForRecords('alpha', 10);
    expect(cluster().isHealthy('alpha')).toBe(true);
  });

  it('cold start of one host alone, which went on alone: it starts, with the other one still off', async () => {
    await cluster().powerLoss('beta');
    await cluster().view.waitFor('alpha is alone', () => cluster().view.replica('alpha', 'web')?.state === 'ALONE');
    await cluster().waitForRecords('alpha', 20);
    await cluster().powerLoss('alpha');
    await cluster().powerOn('alpha');
    await cluster().waitUntilServing('alpha');
    await cluster().waitForRecords('alpha', 10);
    expect(cluster().host('beta').isOn).toBe(false);
  });

  it('cold start of one host alone, which had everything as well: it starts, with the other one still off', async () => {
    await Promise.all(pair.map((name) => cluster().powerLoss(name)));
    await cluster().powerOn('beta');
    await cluster().waitUntilServing('beta');
    await cluster().waitForRecords('beta', 10);
    expect(cluster().host('alpha').isOn).toBe(false);
    expect(cluster().view.module('beta', 'web')?.inSync).toEqual(['beta']);
  });

  it('cold start without the witness: both hosts say what is missing and start nothing, forced or not, until it is back', async () => {
    const { view } = cluster();
    await cluster().powerLoss('gamma');
    await Promise.all(pair.map((name) => cluster().powerLoss(name)));
    for (const name of ['beta', 'alpha'] as const) await cluster().powerOn(name);
    await cluster().waitForAgents(pair);
    await view.waitFor('both wait for the witness', () =>
      pair.every((name) => reasonOf(name).startsWith('no answer from the arbiter')),
    );
    for (const name of pair) expect(reasonOf(name)).toMatch(/bring it back, or put an empty one in its place$/);
    const forced: unknown = await view
      .request('beta', 'module.forcePrimary', { module: 'web', host: 'beta', confirm: 'web' })
      .catch((error: unknown) => error);
    expect((forced as RefusedRequest).refusal.code).toBe('ARBITER_UNREACHABLE');
    // Longer than a host that hears nobody waits for the other one.
    await delay(4000);
    for (const name of pair) expect(cluster().host(name).guests()).toEqual([]);
    expect(pair.map((name) => view.replica(name, 'web')?.state)).toEqual(['WAIT', 'WAIT']);
    await cluster().powerOn('gamma');
    await cluster().waitUntilHealthy('alpha');
    await cluster().waitForRecords('alpha', 10);
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

  // The last one: the detection time stays.
  it('power loss of the primary with a detection time of 800 ms: the other host starts the guest soon after', async () => {
    const text = webModuleFile({ more: { failover: { detection: '800ms' } } });
    const files = [{ name: 'web.module.jsonc', text }];
    expect(await cluster().view.request('alpha', 'configuration.apply', { files })).toMatchObject({ applied: true });
    await cluster().waitForRecords('alpha', 20);
    const lost = await cluster().powerLoss('alpha');
    await cluster().waitUntilServing('beta');
    // The promise is 1.5 s on a machine of its own; tests share theirs.
    expect(Date.now() - lost).toBeLessThan(5000);
    await cluster().waitForRecords('beta', 10);
  });
});
