import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { ApplyResult } from '../../schemas/generated/api.ts';
import type { HostName } from './harness/lab.ts';
import { clusterFile, webModuleFile } from './harness/webModule.ts';
import { noLab, useLabCluster } from './labSuite.ts';

const name = 'web.module.jsonc';
const everywhere: readonly HostName[] = ['alpha', 'beta', 'gamma'];
const installed = `/etc/understudy/modules/${name}`;

describe.skipIf(noLab !== null)('with a healthy pair, files that change while a host is away', () => {
  const { cluster } = useLabCluster();

  const apply = (text: string, host: HostName = 'alpha'): Promise<ApplyResult> =>
    cluster().view.request(host, 'configuration.apply', { files: [{ name, text }] });
  const versionOf = (host: HostName): number => cluster().view.snapshot(host)?.configuration?.version ?? -1;
  const driftOf = (host: HostName): readonly string[] => cluster().view.snapshot(host)?.configuration?.drift ?? [];
  const until = (what: string, isDone: () => boolean): Promise<void> => cluster().view.waitFor(what, isDone);

  it('a shorter detection time holds, and a host that was away takes over what it missed', async () => {
    // The guest is started elsewhere in less than the longer time.
    expect(await apply(webModuleFile({ more: { failover: { detection: '12s' } } }))).toMatchObject({ applied: true });
    const short = webModuleFile({ more: { failover: { detection: '1s' } } });
    expect(await apply(short, 'beta')).toMatchObject({ applied: true, version: 2 });
    await until('all hosts run by it', () => everywhere.every((host) => versionOf(host) === 2));
    await cluster().waitForRecords('alpha', 20);
    const lost = await cluster().powerLoss('alpha');
    await cluster().waitUntilServing('beta');
    expect(Date.now() - lost).toBeLessThan(12_000);

    // With a host away nothing is applied anywhere.
    const refused = await apply(webModuleFile({ more: { failover: { detection: '4s' } } }), 'beta');
    expect(refused).toMatchObject({ applied: false, version: null });
    expect(refused.problems[0]).toMatchObject({
      host: 'alpha',
      message: expect.stringMatching(/not reachable/) as string,
    });
    expect(versionOf('beta')).toBe(2);
    await cluster().powerOn('alpha');
    await cluster().waitUntilHealthy('beta');

    // Its copy is an older one, as if it had died before it heard what was decided.
    const gamma = cluster().host('gamma');
    await gamma.stopAgent();
    await gamma.run(['rm', '/var/lib/understudy/versions/2.json']);
    await gamma.startAgent();
    await until('gamma has caught up', () => versionOf('gamma') === 2 && driftOf('beta').length === 0);
    expect(await readFile(gamma.throughRoot(installed), 'utf8')).toBe(short);
  });

  it('the arbiter changes while the module is stopped, and all hosts decide by the new one', async () => {
    const change = (arbiter: object | string): Promise<ApplyResult> =>
      cluster().view.request('alpha', 'configuration.apply', {
        files: [{ name: 'site.cluster.jsonc', text: clusterFile(arbiter as object) }],
      });
    const kind = (host: HostName): string | undefined => cluster().view.snapshot(host)?.arbiter.kind;
    expect((await change('none')).problems[0]?.message).toMatch(/can only change while all modules are stopped/);
    for (const arbiter of ['none', { witness: 'gamma' }]) {
      await cluster().view.request('alpha', 'module.stop', { module: 'web' });
      await cluster().waitUntilStopped();
      const result = await change(arbiter);
      expect(result.applied, JSON.stringify(result.problems)).toBe(true);
      await until('all hosts decide by it', () =>
        everywhere.every((host) => kind(host) === (arbiter === 'none' ? 'none' : 'witness')),
      );
      await cluster().startModule('alpha');
      await cluster().waitForRecords('alpha', 20);
    }
  });
});
