import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ApplyResult } from '../../schemas/generated/api.ts';
import type { HostName } from './harness/lab.ts';
import { webModuleFile } from './harness/webModule.ts';
import { noLab, useLabCluster } from './labSuite.ts';

const name = 'web.module.jsonc';
const everywhere: readonly HostName[] = ['alpha', 'beta', 'gamma'];
const installed = `/etc/understudy/modules/${name}`;

describe.skipIf(noLab !== null)('with a healthy pair, changing the files while the guest runs', () => {
  const { cluster } = useLabCluster();

  const apply = (text: string, host: HostName = 'alpha'): Promise<ApplyResult> =>
    cluster().view.request(host, 'configuration.apply', { files: [{ name, text }] });
  const versionOf = (host: HostName): number => cluster().view.snapshot(host)?.configuration?.version ?? -1;
  const driftOf = (host: HostName): readonly string[] => cluster().view.snapshot(host)?.configuration?.drift ?? [];
  const until = (what: string, isDone: () => boolean): Promise<void> => cluster().view.waitFor(what, isDone);
  const epoch = (): number => cluster().view.module('alpha', 'web')?.epoch ?? 0;
  /** Whatever stops or resynchronises the module takes a new epoch. */
  const untouched = async (act: () => Promise<void>): Promise<void> => {
    const before = { epoch: epoch(), startedAt: cluster().view.replica('alpha', 'web')?.server.startedAt };
    await act();
    await cluster().waitForRecords('alpha', 20);
    expect(cluster().isHealthy('alpha')).toBe(true);
    expect({ epoch: epoch(), startedAt: cluster().view.replica('alpha', 'web')?.server.startedAt }).toEqual(before);
  };

  it('detection, checks and conditions change on all hosts, with neither a stop nor a resync', async () => {
    const more = {
      failover: {
        detection: '5s',
        conditions: [{ name: 'there', command: ['/usr/bin/test', '-d', '/'], every: '1s' }],
      },
      checks: [{ name: 'process', process: { name: 'qemu' }, every: '1s', onFailure: 'report' }],
    };
    await untouched(async () => {
      const result = await apply(webModuleFile({ more }));
      expect(result).toMatchObject({ applied: true, version: 1, problems: [] });
      const keys = result.changes.flatMap(({ keys: each }) => each);
      expect(keys).toContainEqual({ key: 'failover.detection', effect: 'now' });
      await until('all hosts run by it', () => everywhere.every((host) => versionOf(host) === 1));
      await until('the check looks', () =>
        (cluster().view.replica('alpha', 'web')?.checks ?? []).some(({ name: each }) => each === 'process'),
      );
      await until('both hosts look at the condition', () =>
        (['alpha', 'beta'] as const).every(
          (host) => cluster().view.replica(host, 'web')?.conditions?.[0]?.state === 'well',
        ),
      );
    });
    for (const host of everywhere) {
      expect(await readFile(cluster().host(host).throughRoot(installed), 'utf8')).toBe(webModuleFile({ more }));
    }

    // A shorter time holds: the guest is started elsewhere in less than the longer one.
    const short = { failover: { detection: '1s' } };
    await untouched(async () => {
      expect(await apply(webModuleFile({ more: short }), 'beta')).toMatchObject({ applied: true, version: 2 });
      await until('all hosts run by it', () => everywhere.every((host) => versionOf(host) === 2));
    });
    const lost = await cluster().powerLoss('alpha');
    await until(
      'beta takes over',
      () => cluster().view.replica('beta', 'web')?.transition === 'promoting' || cluster().primary() === 'beta',
    );
    expect(Date.now() - lost).toBeLessThan(4500);
    await cluster().waitUntilServing('beta');

    // With a host away nothing is applied anywhere.
    const refused = await apply(webModuleFile({ more: { failover: { detection: '4s' } } }), 'beta');
    expect(refused).toMatchObject({ applied: false, version: null });
    expect(refused.problems[0]).toMatchObject({
      host: 'alpha',
      message: expect.stringMatching(/not reachable/) as string,
    });
    expect(versionOf('beta')).toBe(2);
  });

  it('what one host cannot run by is applied nowhere, and says where it is wrong', async () => {
    const before = versionOf('alpha');
    await untouched(async () => {
      const result = await apply(webModuleFile({ further: ['/srv/vm/more'] }));
      expect(result.applied).toBe(false);
      const [running] = result.problems.filter(({ host }) => host === 'alpha');
      expect(running).toMatchObject({ file: name, line: 5, message: expect.stringMatching(/stop it first/) as string });
      // A directory that only one host lacks, in a module that does not run.
      const other = webModuleFile().replaceAll('"web"', '"other"').replace('/srv/vm/web', '/srv/vm/other');
      await cluster().host('alpha').run(['mkdir', '-p', '/srv/vm/other']);
      const added = await cluster().view.request('alpha', 'configuration.apply', {
        files: [{ name: 'other.module.jsonc', text: other.replaceAll('br0', 'br1') }],
      });
      expect(added.applied).toBe(false);
      expect(added.problems).toEqual([
        expect.objectContaining({ host: 'beta', file: 'other.module.jsonc', line: 5, severity: 'error' }),
      ]);
    });
    for (const host of everywhere) expect(versionOf(host)).toBe(before);
  });

  it('a file that is edited by hand is drift until it is applied, and an earlier version can be restored', async () => {
    const first = versionOf('alpha');
    const file = cluster().host('beta').throughRoot(installed);
    const earlier = await readFile(file, 'utf8');
    const edited = webModuleFile({ more: { failover: { detection: '2s' } } });
    await writeFile(file, edited);
    await until('alpha shows it', () => driftOf('alpha').some((each) => /of beta was changed by hand/.test(each)));
    await untouched(async () => {
      const run = await cluster()
        .host('beta')
        .understudy(['apply', path.join('/etc/understudy/modules', name)]);
      expect(run.code, run.stderr).toBe(0);
      await until('nobody drifts', () =>
        everywhere.every((host) => versionOf(host) === first + 1 && driftOf(host).length === 0),
      );
      const versions = await cluster().host('alpha').understudy(['versions']);
      expect(versions.stdout).toMatch(new RegExp(`${String(first + 1)} .*operator|${String(first + 1)} .*local`));
      const diff = await cluster()
        .host('alpha')
        .understudy(['diff', String(first)]);
      expect(diff.stdout).toMatch(/^\+.*"detection":"2s"/m);
      const back = await cluster()
        .host('alpha')
        .understudy(['restore', String(first), name, '--confirm', String(first)]);
      expect(back.code, back.stderr).toBe(0);
      await until('all hosts have it', () => everywhere.every((host) => versionOf(host) === first + 2));
    });
    expect(await readFile(file, 'utf8')).toBe(earlier);
  });

  it('a host that was away takes over what it missed by itself', async () => {
    const first = versionOf('alpha');
    const gamma = cluster().host('gamma');
    const text = webModuleFile({ more: { failover: { detection: '2500ms' } } });
    await apply(text);
    await until('all hosts run by it', () => everywhere.every((host) => versionOf(host) === first + 1));
    // Its copy is an older one, as if it had died before it heard what was decided.
    await gamma.stopAgent();
    await gamma.run(['rm', `/var/lib/understudy/versions/${String(first + 1)}.json`]);
    await gamma.startAgent();
    await until('gamma has caught up', () => versionOf('gamma') === first + 1 && driftOf('alpha').length === 0);
    expect(await readFile(gamma.throughRoot(installed), 'utf8')).toBe(text);
  });
});
