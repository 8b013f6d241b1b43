import { afterAll, describe, expect, it } from 'vitest';
import { becomesHealthyForGood, everyRecord, FaultDisks } from './faultDisks.ts';
import { noLab, useLabCluster } from './labSuite.ts';

const disks = new FaultDisks();

describe.skipIf(noLab !== null)('with a healthy pair', () => {
  // Hooks that end things run in the reverse order: the hosts go before their disks.
  afterAll(() => disks.remove());
  const { cluster } = useLabCluster({ beforeAgents: disks.use });
  const healthyForGood = (primary: 'alpha' | 'beta') => becomesHealthyForGood(cluster(), primary);

  it('the disk of the primary fails: the guest moves to the other host, and the failed one returns by itself when it is cured', async () => {
    await disks.fail('alpha', everyRecord);
    try {
      await cluster().waitUntilServing('beta');
      await cluster().waitForRecords('beta', 10);
      expect(cluster().view.module('beta', 'web')?.inSync).toEqual(['beta']);
      const saysWhy = (): boolean =>
        /the disk of alpha has failed \(EIO/.test(cluster().view.replica('alpha', 'web')?.reason ?? '');
      await cluster().view.waitFor('the reason is shown', saysWhy);
      expect(await cluster().host('beta').runUnderstudy(['status'])).toMatch(/the disk of alpha has failed \(EIO/);
      // What the disk does not take is no replica.
      const triedAgain = (): boolean => /EIO/.test(cluster().view.replica('beta', 'web')?.reason ?? '');
      await cluster().view.waitFor('alpha was tried and is lost with the reason', triedAgain);
    } finally {
      await disks.fail('alpha', null);
    }
    await healthyForGood('beta');
    expect(cluster().view.replica('alpha', 'web')?.diskError).toBeNull();
    expect(cluster().view.module('beta', 'web')?.lastResync).toMatchObject({ host: 'alpha', kind: 'delta' });
  });

  it('the disk of the primary does not answer: status says so, and when the agent there is killed the other host takes over', async () => {
    const reason = (): string => cluster().view.replica('alpha', 'web')?.reason ?? '';
    await disks.of('alpha').order({ do: 'hold', afterWrites: 1 });
    try {
      const isTold = (): boolean => /the disk of alpha has not answered since 20/.test(reason());
      await cluster().view.waitFor('the reason is shown', isTold);
      expect(await cluster().host('beta').runUnderstudy(['status'])).toMatch(/disk silent/);
      // The lease goes on: nobody takes over from a host that is only held up.
      expect(cluster().isServing('beta')).toBe(false);
      await cluster().host('alpha').killAgent({ andKeepItOff: true });
      await cluster().waitUntilServing('beta');
      await cluster().waitForRecords('beta', 10);
    } finally {
      await disks.of('alpha').order({ do: 'resume' });
    }
    await cluster().host('alpha').startAgent();
    await healthyForGood('beta');
    expect(cluster().view.replica('alpha', 'web')?.diskSilentSince ?? null).toBeNull();
  });

  it('the disk of the secondary fails: the guest never notices, and the secondary returns by itself when it is cured', async () => {
    const before = cluster().host('alpha').guests();
    await disks.fail('beta', everyRecord);
    try {
      const isAlone = (): boolean => cluster().view.module('alpha', 'web')?.inSync.join() === 'alpha';
      await cluster().view.waitFor('the secondary is out of the in-sync set', isAlone);
      const saysWhy = (): boolean => /EIO/.test(cluster().view.replica('alpha', 'web')?.reason ?? '');
      await cluster().view.waitFor('the reason is shown', saysWhy);
      await cluster().waitForRecords('alpha', 20);
    } finally {
      await disks.fail('beta', null);
    }
    await healthyForGood('alpha');
    expect(cluster().host('alpha').guests()).toEqual(before);
    expect(cluster().view.replica('beta', 'web')?.diskError).toBeNull();
  });
});
