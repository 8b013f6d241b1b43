import { writeFile } from 'node:fs/promises';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { LabHost } from './harness/host.ts';
import { fenceDevice, PowerSwitch, switchPassword, switchPasswordFile } from './harness/powerSwitch.ts';
import { noLab, useLabCluster } from './labSuite.ts';

/** Every process of a host stands still: agent, mirror and guest. */
async function stop(host: LabHost): Promise<void> {
  await host.exec(['bash', '-c', 'kill -STOP -1']);
}

describe.skipIf(noLab !== null)('with a power switch that nothing may start without', () => {
  const { cluster } = useLabCluster({
    fence: (lab) => ({
      onFailure: 'wait',
      hosts: { alpha: [fenceDevice(lab, 'alpha')], beta: [fenceDevice(lab, 'beta')] },
    }),
    beforeAgents: (host) => writeFile(host.outside(switchPasswordFile), switchPassword, { mode: 0o600 }),
  });
  let power: PowerSwitch | null = null;
  const codes = (): readonly string[] => cluster().view.log.map(({ code }) => code);

  beforeEach(async () => {
    power ??= new PowerSwitch(cluster().lab, (host) => cluster().powerLoss(host));
    await power.plugIn();
    power.done.length = 0;
  });
  afterAll(() => power?.unplug());

  it('a host that stands still is powered off before its guest starts on the other one', async () => {
    await stop(cluster().host('alpha'));
    cluster().view.drop('alpha');
    // That there never were two guests, not even one that stood still, is looked at in the end.
    await cluster().waitUntilServing('beta');
    expect(power?.done).toEqual(['off alpha']);
    expect(cluster().host('alpha').isOn).toBe(false);
    await cluster().waitForRecords('beta', 10);
    expect(codes()).toContain('PEER_FENCED');
  });

  it('nothing starts while the switch does not answer; an operator who forces answers for the other host', async () => {
    await power?.unplug();
    await cluster().powerLoss('alpha');
    const waits = (): boolean => /could not be fenced/.test(cluster().view.replica('beta', 'web')?.reason ?? '');
    await cluster().view.waitFor('beta waits with the reason', waits);
    expect(cluster().view.replica('beta', 'web')?.reason).toContain('understudy force-primary web --host beta');
    expect(cluster().host('beta').guests()).toEqual([]);
    await cluster().view.request('beta', 'module.forcePrimary', { module: 'web', host: 'beta', confirm: 'web' });
    await cluster().waitForRecords('beta', 10);
    expect(power?.done).toEqual([]);
  });

  it('the command line tells whether a host could be fenced, and fences it when that is confirmed', async () => {
    const beta = cluster().host('beta');
    const test = await beta.understudy(['fence', 'alpha', '--test']);
    expect(`${test.stdout}${test.stderr}`).toContain('answers, power is on');
    expect(test.code).toBe(0);
    const unconfirmed = await beta.understudy(['fence', 'alpha']);
    expect(unconfirmed.code).not.toBe(0);
    expect(unconfirmed.stderr).toContain('--confirm alpha');
    const itself = await beta.understudy(['fence', 'beta', '--confirm', 'beta']);
    expect(itself.stderr).toContain('beta does not fence itself');
    expect(power?.done).toEqual([]);
    await beta.runUnderstudy(['fence', 'alpha', '--confirm', 'alpha']);
    // It is not fenced twice: nothing was heard of it since.
    await cluster().waitUntilServing('beta');
    expect(power?.done).toEqual(['off alpha']);
    expect(codes()).toContain('AUDIT');
  });
});
