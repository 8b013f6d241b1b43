import { describe, expect, it } from 'vitest';
import type { ReplicaStatus } from '../../schemas/generated/api.ts';
import { noLab, useLabCluster } from './labSuite.ts';

describe.skipIf(noLab !== null)('a resync that an operator pauses', () => {
  // Slow enough to be met under way.
  const { cluster } = useLabCluster({ ring: 16, more: { resync: { bandwidth: '256KiB/s' } } });

  const primary = (): ReplicaStatus | undefined =>
    cluster()
      .view.module('alpha', 'web')
      ?.onHosts.find(({ host }) => host === 'alpha');

  it('stays paused while its host loses its agent, and the secondary out of sync until it is resumed', async () => {
    const { view } = cluster();
    const alpha = cluster().host('alpha');
    await cluster().powerLoss('beta');
    await cluster().waitForRecords('alpha', 100);
    await cluster().powerOn('beta');
    await view.waitFor('a resync is under way', () => (primary()?.resync?.toCheck ?? 0) > 0, 60_000);
    await alpha.runUnderstudy(['resync', 'web', '--pause', '--yes']);
    await view.waitFor('it is paused', () => Boolean(primary()?.resyncPaused), 10_000);
    expect(primary()?.resync).toMatchObject({ bandwidth: 256 * 1024, secondsLeft: null });

    // The server dies with its agent, and both are back on the only host that may serve.
    const before = alpha.guests();
    await alpha.killAgent();
    // By its process: the restart can be over before anybody looks.
    const isAnother = (): boolean =>
      cluster().isServing('alpha') && alpha.guests().some((guest) => !before.includes(guest));
    await view.waitFor('another guest runs on alpha', isAnother);
    await view.waitFor('the secondary follows again', () => Boolean(primary()?.resync), 60_000);
    expect(primary()?.resyncPaused?.by).toContain('local (admin)');
    const compared = primary()?.resync?.checked;
    await cluster().waitForRecords('alpha', 20);
    expect(primary()?.resync?.checked).toBe(compared);
    expect(view.module('alpha', 'web')?.inSync).toEqual(['alpha']);
    expect(await alpha.runUnderstudy(['status', 'web'])).toContain(
      'beta is not in sync until `understudy resync web --resume`',
    );

    await alpha.runUnderstudy(['resync', 'web', '--resume', '--bandwidth', 'unlimited']);
    await cluster().waitUntilHealthy('alpha');
    expect(primary()?.resyncPaused ?? null).toBeNull();
    expect(view.module('alpha', 'web')?.lastResync).toMatchObject({ host: 'beta', kind: 'delta' });
  }, 300_000);
});
