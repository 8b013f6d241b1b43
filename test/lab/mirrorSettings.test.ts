import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ApplyResult } from '../../schemas/generated/api.ts';
import { pair } from './harness/labCluster.ts';
import { webModuleFile } from './harness/webModule.ts';
import { noLab, useLabCluster } from './labSuite.ts';

describe.skipIf(noLab !== null)('what a module file says of its mirror, changed while the guest runs', () => {
  const { cluster } = useLabCluster();

  const mirrorOf = async (name: (typeof pair)[number]): Promise<string> =>
    (await cluster().host(name).run(['pgrep', '-f', '^understudy mirror '])).trim();

  it('holds at once in the mirror processes that run, and an upgrade of the agent goes on with it', async () => {
    const alpha = cluster().host('alpha');
    const state = async () => ({
      guests: alpha.guests(),
      mirrors: [await mirrorOf('alpha'), await mirrorOf('beta')],
      epoch: cluster().view.module('alpha', 'web')?.epoch,
    });
    const before = await state();
    const text = webModuleFile({
      mirror: { acknowledgeTimeout: '8s', processors: 'sleep', directIo: 'disk' },
      more: { resync: { undo: '1GiB' } },
    });
    const result: ApplyResult = await cluster().view.request('alpha', 'configuration.apply', {
      files: [{ name: 'web.module.jsonc', text }],
    });
    expect(result).toMatchObject({ applied: true, problems: [] });
    expect(result.changes.flatMap(({ keys }) => keys)).toEqual([
      { key: 'mirror.acknowledgeTimeout', effect: 'now' },
      { key: 'mirror.directIo', effect: 'serverStart' },
      { key: 'mirror.processors', effect: 'now' },
      { key: 'resync.undo', effect: 'now' },
    ]);
    await cluster().view.waitFor('both hosts run by it', () =>
      pair.every((name) => cluster().view.snapshot(name)?.configuration?.version === 1),
    );

    // A secondary that stands still for longer than the one second of before is waited for.
    const secondary = await mirrorOf('beta');
    await cluster().host('beta').run(['kill', '-STOP', secondary]);
    await delay(4000);
    await cluster().host('beta').run(['kill', '-CONT', secondary]);
    await cluster().waitForRecords('alpha', 20);
    expect(cluster().isHealthy('alpha')).toBe(true);
    expect(await state()).toEqual(before);

    await alpha.runUnderstudy(['upgrade', '--timeout', '60']);
    await cluster().waitForRecords('alpha', 10);
    await cluster().waitUntilHealthy('alpha');
    expect(alpha.guests()).toEqual(before.guests);
  });
});
