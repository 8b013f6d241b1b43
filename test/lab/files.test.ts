import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { ApplyResult } from '../../schemas/generated/api.ts';
import type { HostName } from './harness/lab.ts';
import { pair } from './harness/labCluster.ts';
import { mirrorDirectory, webModule, webModuleFile } from './harness/webModule.ts';
import { noLab, useLabCluster } from './labSuite.ts';

const name = 'web.module.jsonc';
const everywhere: readonly HostName[] = ['alpha', 'beta', 'gamma'];
const installed = `/etc/understudy/modules/${name}`;

describe.skipIf(noLab !== null)('with a healthy pair, changing the files while the guest runs', () => {
  const { cluster } = useLabCluster();

  const apply = (text: string, host: HostName = 'alpha'): Promise<ApplyResult> =>
    cluster().view.request(host, 'configuration.apply', { files: [{ name, text }] });
  const versionOf = (host: HostName): number => cluster().view.snapshot(host)?.configuration?.version ?? -1;
  const fileOf = (host: HostName): string => cluster().host(host).throughRoot(installed);
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

  it('a module file changes on all hosts with neither a stop nor a resync, is refused on all, is edited by hand, and restored', async () => {
    const more = {
      failover: {
        detection: '5s',
        conditions: [{ name: 'there', command: ['/usr/bin/test', '-d', '/'], every: '1s' }],
      },
      checks: [{ name: 'looks', command: ['/usr/bin/test', '-d', '/'], every: '1s', onFailure: 'report' }],
    };
    const changed = webModuleFile({ more });
    await untouched(async () => {
      const result = await apply(changed);
      expect(result).toMatchObject({ applied: true, version: 1, problems: [] });
      const keys = result.changes.flatMap(({ keys: each }) => each);
      expect(keys).toContainEqual({ key: 'failover.detection', effect: 'now' });
      await until('all hosts run by it', () => everywhere.every((host) => versionOf(host) === 1));
      await until('the check looks', () =>
        (cluster().view.replica('alpha', 'web')?.checks ?? []).some(({ name: each }) => each === 'looks'),
      );
      await until('both hosts look at the condition', () =>
        (['alpha', 'beta'] as const).every(
          (host) => cluster().view.replica(host, 'web')?.conditions?.[0]?.state === 'well',
        ),
      );
    });
    for (const host of everywhere) expect(await readFile(fileOf(host), 'utf8')).toBe(changed);

    // What one host cannot run by is applied nowhere, and says where it is wrong.
    await untouched(async () => {
      const result = await apply(webModuleFile({ further: ['/srv/vm/more'], more }));
      expect(result.applied).toBe(false);
      const [running] = result.problems.filter(({ host }) => host === 'alpha');
      expect(running).toMatchObject({ file: name, line: 5, message: expect.stringMatching(/stop it first/) as string });
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
    for (const host of everywhere) expect(versionOf(host)).toBe(1);

    // Edited by hand it is drift until it is applied; then an earlier version is restored.
    const edited = webModuleFile({ more: { failover: { detection: '2s' } } });
    await writeFile(fileOf('beta'), edited);
    await until('alpha shows it', () => driftOf('alpha').some((each) => /of beta was changed by hand/.test(each)));
    await untouched(async () => {
      const run = await cluster().host('beta').understudy(['apply', installed]);
      expect(run.code, run.stderr).toBe(0);
      await until('nobody drifts', () =>
        everywhere.every((host) => versionOf(host) === 2 && driftOf(host).length === 0),
      );
      const versions = await cluster().host('alpha').understudy(['versions']);
      expect(versions.stdout).toMatch(/^2 .*local.*web\.module\.jsonc/m);
      const diff = await cluster().host('alpha').understudy(['diff', '1']);
      expect(diff.stdout).toMatch(/^\+.*"detection":"2s"/m);
      const back = await cluster().host('alpha').understudy(['restore', '1', name, '--confirm', '1']);
      expect(back.code, back.stderr).toBe(0);
      await until('all hosts have it', () => everywhere.every((host) => versionOf(host) === 3));
    });
    expect(await readFile(fileOf('beta'), 'utf8')).toBe(changed);
  });

  it('the order of the hosts changes while the guest runs, which stays where it is', async () => {
    const swapped = webModuleFile({}, { ...webModule, hosts: ['beta', 'alpha'] });
    await untouched(async () => {
      const result = await apply(swapped);
      expect(result).toMatchObject({ applied: true, problems: [] });
      expect(result.changes.flatMap(({ keys }) => keys)).toContainEqual({ key: 'hosts (their order)', effect: 'now' });
      await until('all hosts know', () =>
        pair.every((host) => cluster().view.module(host, 'web')?.hosts.join() === 'beta,alpha'),
      );
    });
    // It goes by it at the next start.
    await cluster().stopAndJudge();
    await cluster().view.request('alpha', 'module.start', { module: 'web' });
    await cluster().waitUntilHealthy('beta');
    expect(await apply(webModuleFile())).toMatchObject({ applied: true });
  });

  it('a directory that was moved costs no resync; another one is refused until the replica of that host is given up', async () => {
    const { view } = cluster();
    const [alpha, beta] = pair.map((name) => cluster().host(name));
    if (!alpha || !beta) throw new Error('There is no pair.');
    const moved = '/srv/vm/moved';
    const record = '/var/lib/understudy/modules/web/replica.json';
    const fullCopies = (): number =>
      view.log.filter(({ code, message }) => code === 'RESYNC_DONE' && message.includes('(full: ')).length;
    const isRefused = (): boolean =>
      JSON.stringify(view.module('beta', 'web')?.warnings).includes(`${moved} is not the directory`);
    const before = fullCopies();

    await cluster().stopAndJudge();
    await alpha.run(['mv', mirrorDirectory, moved]);
    await beta.run(['mkdir', moved]);
    expect(await apply(webModuleFile({}, { ...webModule, directory: moved }))).toMatchObject({ applied: true });
    await until('beta says why it does not open it', isRefused);
    await beta.run(['mv', record, `${record}.old`]);
    await until('beta has opened it', () => !isRefused());
    await cluster().startModule('alpha');
    await cluster().waitForRecords('alpha', 10);
    expect(fullCopies()).toBe(before + 1);

    await view.request('alpha', 'module.stop', { module: 'web' });
    await cluster().waitUntilStopped();
    await beta.run(['rm', '-r', mirrorDirectory]);
    for (const host of [alpha, beta]) await host.run(['mv', moved, mirrorDirectory]);
    expect(await apply(webModuleFile())).toMatchObject({ applied: true });
    await cluster().startModule('alpha');
    await cluster().waitForRecords('alpha', 10);
    expect(fullCopies()).toBe(before + 1);
  });
});
