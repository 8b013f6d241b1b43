import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noArbiterWarnings } from '../../schemas/arbiter.ts';
import { compareTrees } from './guest/compareTrees.ts';
import { checkRecords } from './guest/records.ts';
import { GuestWatch } from './harness/guestWatch.ts';
import { LabCluster, pair, type PairName } from './harness/labCluster.ts';
import { serialLog } from './harness/webModule.ts';
import { noLab, useLabCluster } from './labSuite.ts';

/** Longer than it takes to notice that a host is silent. */
const longer = 4000;

const reasonOf = ({ view }: LabCluster, name: PairName): string => {
  const replica = view.replica(name, 'web');
  return (replica?.state === 'WAIT' && replica.reason) || '';
};

async function force(cluster: LabCluster, name: PairName): Promise<void> {
  await cluster.host(name).runUnderstudy(['force-primary', 'web', '--host', name, '--confirm', 'web']);
}

/** Alpha is off, and beta, which says what it waits for, starts nothing by itself. */
async function waitsForAlpha(cluster: LabCluster, reason: RegExp): Promise<void> {
  await cluster.view.waitFor('beta says what it waits for', () => reason.test(reasonOf(cluster, 'beta')));
  await delay(longer);
  expect(reasonOf(cluster, 'beta')).toMatch(reason);
  expect(cluster.host('beta').guests()).toEqual([]);
}

/** Of a beta that followed alpha until that was silent, and of one that has started since and does not know what alpha did alone. */
const [inSync, unsure] = [/force-primary/, /waiting for alpha|force-primary/];

describe.skipIf(noLab !== null)('without an arbiter', () => {
  const { cluster } = useLabCluster({ arbiter: 'none' });

  it('power loss of the primary: the other host waits for an operator, and goes on with every record when it is forced', async () => {
    const { view } = cluster();
    expect(view.module('beta', 'web')?.automaticFailover).toBe(false);
    await cluster().powerLoss('alpha');
    await waitsForAlpha(cluster(), inSync);
    expect(await cluster().host('beta').runUnderstudy(['status'])).toContain(`warning: ${noArbiterWarnings.manual}`);
    await force(cluster(), 'beta');
    await cluster().waitUntilServing('beta');
    await cluster().waitForRecords('beta', 10);
    await cluster().powerOn('alpha');
    // Alpha had nothing that beta had not.
    await cluster().waitUntilHealthy('beta');
    expect(cluster().host('alpha').guests()).toEqual([]);
    expect(view.module('beta', 'web')?.lastResync).toMatchObject({ host: 'alpha', kind: 'delta' });
  });

  it('both hosts lose their power, the one that went on alone last: the other one starts nothing without it', async () => {
    const { view } = cluster();
    await cluster().powerLoss('beta');
    await view.waitFor('alpha is alone', () => view.replica('alpha', 'web')?.state === 'ALONE');
    await cluster().waitForRecords('alpha', 20);
    await cluster().powerLoss('alpha');
    await cluster().powerOn('beta');
    await waitsForAlpha(cluster(), unsure);
    await cluster().powerOn('alpha');
    await cluster().waitUntilServing('alpha');
    await cluster().waitUntilHealthy('alpha');
    await cluster().waitForRecords('alpha', 10);
  });
});

describe.skipIf(noLab !== null)('without an arbiter, a host that is forced while the other one holds more', () => {
  let cluster: LabCluster;
  let watch: GuestWatch;
  beforeAll(async () => {
    cluster = await LabCluster.create({ arbiter: 'none' });
    watch = new GuestWatch(cluster.lab.hosts);
  });
  afterAll(() => {
    watch.stop();
    cluster.destroy();
  });

  it('runs, and the other one waits when it is back, with all that it held, until an operator chooses', async () => {
    const { view } = cluster;
    /** What was reported on alpha, on its own disk. */
    const onAlpha = (image: string) => checkRecords(image, [cluster.host('alpha').outside(serialLog)]);
    await cluster.startModule('alpha');
    await cluster.waitForRecords('alpha', 10);
    await cluster.powerLoss('beta');
    await view.waitFor('alpha is alone', () => view.replica('alpha', 'web')?.state === 'ALONE');
    await cluster.waitForRecords('alpha', 20);
    await cluster.powerLoss('alpha');
    await cluster.powerOn('beta');
    await waitsForAlpha(cluster, unsure);
    await force(cluster, 'beta');
    await cluster.waitUntilServing('beta');
    await cluster.waitForRecords('beta', 10);

    await cluster.powerOn('alpha');
    await view.waitFor('alpha has diverged', () => Boolean(view.replica('alpha', 'web')?.diverged));
    await cluster.waitForRecords('beta', 10);
    expect(view.replica('beta', 'web')?.state).toBe('ALONE');
    expect(await onAlpha(cluster.image('alpha'))).toMatchObject({ lost: [], firstOutOfOrder: null });

    await view.request('beta', 'module.resolve', { module: 'web', keep: 'alpha', confirm: 'web' });
    await cluster.waitUntilHealthy('alpha');
    await cluster.waitForRecords('alpha', 10);
    const aside = await cluster.host('beta').runUnderstudy(['aside', 'list', 'web', '--json']);
    expect((JSON.parse(aside) as { aside: object[] }).aside).toHaveLength(1);
    await view.request('alpha', 'module.stop', { module: 'web' });
    await cluster.waitUntilStopped();
    const [one = '', other = ''] = pair.map((name) => cluster.replicaDirectory(name));
    expect(await onAlpha(path.join(one, 'disk.raw'))).toMatchObject({ lost: [], firstOutOfOrder: null });
    expect(await compareTrees(one, other)).toEqual([]);
    expect(watch.overlapMs).toBe(0);
  });
});

describe.skipIf(noLab !== null)('without an arbiter, with "risk-split-brain"', () => {
  const { cluster } = useLabCluster({
    arbiter: 'none',
    more: { failover: { withoutArbiter: 'risk-split-brain' } },
  });

  it('power loss of the primary: the other host takes over by itself, and status says all the while what that risks', async () => {
    const { view } = cluster();
    const warning = noArbiterWarnings['risk-split-brain'];
    const statusOn = (name: PairName): Promise<string> => cluster().host(name).runUnderstudy(['status']);
    for (const name of pair) expect(await statusOn(name)).toContain(`warning: ${warning}`);
    await cluster().powerLoss('alpha');
    await cluster().waitUntilServing('beta');
    await cluster().waitForRecords('beta', 10);
    expect(view.module('beta', 'web')).toMatchObject({
      warnings: [warning],
      lastFailover: { kind: 'failover', to: 'beta' },
    });
    expect(await statusOn('beta')).toContain(`warning: ${warning}`);
    await cluster().powerOn('alpha');
    await cluster().waitUntilHealthy('beta');
    expect(cluster().host('alpha').guests()).toEqual([]);
  });
});
