import { afterAll, describe, expect, it } from 'vitest';
import { becomesHealthyForGood, everyRecord, FaultDisks } from './faultDisks.ts';
import { noLab, useLabCluster } from './labSuite.ts';

const disks = new FaultDisks();

describe.skipIf(noLab !== null)('with a healthy pair that only reports a failed disk', () => {
  // Hooks that end things run in the reverse order: the hosts go before their disks.
  afterAll(() => disks.remove());
  const { cluster } = useLabCluster({ beforeAgents: disks.use, mirror: { onDiskError: 'report' } });

  it('the server stays where it is, every place says why, and an operator moves it', async () => {
    const { view } = cluster();
    const saysWhy = (): boolean =>
      /the disk of alpha has failed \(EIO.*beta holds everything/.test(view.replica('alpha', 'web')?.reason ?? '');
    await disks.fail('alpha', everyRecord);
    try {
      await view.waitFor('the reason is shown', saysWhy);
    } finally {
      await disks.fail('alpha', null);
    }
    // The guest got the error, as from a local disk, and was started anew.
    await cluster().waitForRecords('alpha', 60);
    expect(cluster().isServing('alpha')).toBe(true);
    expect(view.module('alpha', 'web')?.inSync).toEqual(['alpha', 'beta']);
    expect(view.module('alpha', 'web')?.lastFailover ?? null).toBeNull();
    expect(saysWhy()).toBe(true);
    expect(await cluster().host('beta').runUnderstudy(['status'])).toMatch(/disk failed/);
    expect(view.log.map(({ code }) => code)).toContain('DISK_FAILED');

    await view.request('alpha', 'module.switchover', { module: 'web', to: 'beta' });
    await becomesHealthyForGood(cluster(), 'beta');
    expect(view.replica('alpha', 'web')?.diskError).toBeNull();
  });
});
