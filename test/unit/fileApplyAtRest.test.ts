import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApplyHosts, clusterFile, said, webFile, type HostName } from '../support/applyHosts.ts';

let bench: ApplyHosts;
beforeEach(async () => {
  bench = await ApplyHosts.start();
  bench.isStopped = true;
});
afterEach(() => bench.close());

const numbers = () => bench.numbers();
/** By heartbeats that go on until the host has caught up, or was told that it is not applied. */
async function isTold(name: HostName, by: HostName): Promise<void> {
  const reason = (): string | null => {
    bench.hear(name, by);
    return bench.held.get(name) ?? null;
  };
  await expect.poll(reason, { timeout: 15_000, interval: 100 }).toBeNull();
}

describe('what must not change while a module runs', () => {
  const moved = () => bench.webText('3s', { mirror: { directories: [join(bench.folder, 'moved')] } });
  beforeEach(() => mkdirSync(join(bench.folder, 'moved')));

  it('changes while the module is closed on both hosts, which is opened again then', async () => {
    const reasons: string[] = [];
    bench.onHold = (name) => reasons.push(`${name}: ${String(bench.held.get(name))}`);
    expect(await bench.applyWeb('alpha', moved())).toMatchObject({ applied: true });
    expect(reasons.filter((reason) => /web is about to change by version 1/.test(reason))).toHaveLength(2);
    expect([...bench.held]).toEqual(
      expect.arrayContaining([
        ['alpha', null],
        ['beta', null],
      ]),
    );
    // The witness carries nothing of it.
    expect(bench.held.has('gamma')).toBe(false);
  });

  it('a host that missed it keeps the module closed, over a restart too, until it has the version', async () => {
    bench.lost = (to, method) => to === 'beta' && method === 'configuration.commit';
    expect(await bench.applyWeb('alpha', moved())).toMatchObject({ applied: true, message: /beta went away/ });
    expect(bench.held.get('beta')).toMatch(/web is about to change by version 1 .* alpha has not told yet/);
    expect(JSON.parse(readFileSync(join(bench.folder, 'beta/state/versions/pending.json'), 'utf8'))).toMatchObject({
      modules: ['web'],
    });
    bench.stop('beta');
    bench.held.clear();
    await bench.start('beta');
    expect(bench.held.get('beta')).toMatch(/bring alpha back/);
    bench.lost = () => false;
    await isTold('beta', 'alpha');
    expect(bench.host('beta').configuration.modules[0]?.mirror.directories).toEqual([join(bench.folder, 'moved')]);
  });

  it('when it is applied nowhere, the module is opened again as it was', async () => {
    bench.lost = (to, method) => to === 'gamma' && method === 'configuration.prepare';
    expect(await bench.applyWeb('alpha', moved())).toMatchObject({ applied: false });
    expect(['alpha', 'beta'].map((name) => bench.held.get(name as HostName))).toEqual([null, null]);
    expect(numbers()).toEqual([0, 0, 0]);
  });

  it('nothing else is agreed to by a host that does not know what became of it', async () => {
    bench.lost = (to, method) =>
      (to === 'gamma' && method === 'configuration.prepare') || (to === 'beta' && method === 'configuration.abort');
    await bench.applyWeb('alpha', moved());
    bench.lost = () => false;
    // As after a power loss: what it kept free for it is forgotten, what it agreed to is not.
    bench.stop('beta');
    await bench.start('beta');
    expect(said(await bench.applyWeb('alpha', bench.webText('5s')))).toMatch(
      /beta: it does not know yet what became of another change.* bring alpha back/,
    );
    await isTold('beta', 'alpha');
    expect(await bench.applyWeb('alpha', bench.webText('5s'))).toMatchObject({ applied: true });
  });
});

describe('another pair, over which another witness decides', () => {
  const pair = (...hosts: readonly string[]) => bench.webText('3s', { hosts });
  beforeEach(async () => {
    expect(await bench.applyCluster('alpha', { arbiter: { witness: ['alpha', 'beta', 'gamma'] } })).toMatchObject({
      applied: true,
      version: 1,
    });
    bench.held.clear();
  });

  it('needs both replicas of the old pair to be in sync, as the new witness knows nothing of them', async () => {
    bench.notInSync = (name) => (name === 'alpha' ? 'web is not known to be in sync on both hosts' : null);
    expect(said(await bench.applyWeb('beta', pair('alpha', 'gamma')))).toMatch(
      /^alpha: with alpha and gamma instead of alpha and beta, the record .* of web would be kept by beta instead of gamma.*not known to be in sync/,
    );
    expect(numbers()).toEqual([1, 1, 1]);
    bench.notInSync = () => null;
    expect(await bench.applyWeb('beta', pair('alpha', 'gamma'))).toMatchObject({ applied: true, version: 2 });
  });

  it('without an arbiter, when the pair itself keeps the record, needs the same of hosts that stay', async () => {
    expect(await bench.applyCluster('alpha', { arbiter: 'none' })).toMatchObject({ applied: true, version: 2 });
    bench.notInSync = () => 'web is not known to be in sync on both hosts';
    expect(said(await bench.applyWeb('alpha', pair('alpha', 'gamma')))).toMatch(
      /kept by alpha and gamma instead of alpha and beta.*\nbeta: /,
    );
    // A host that is gone for good is replaced all the same.
    bench.stop('beta');
    const hosts = { alpha: { lan: '10.77.0.1', link: '10.78.0.1' }, gamma: { lan: '10.77.0.3' } };
    const files = [
      { name: clusterFile, text: bench.clusterText({ hosts, arbiter: 'none' }) },
      { name: webFile, text: pair('alpha', 'gamma') },
    ];
    expect(await bench.apply('alpha', files)).toMatchObject({ applied: true, version: 3 });
  });

  it('a host of the old pair that missed it opens the module by neither witness', async () => {
    bench.lost = (to, method) => to === 'beta' && method === 'configuration.commit';
    expect(await bench.applyWeb('alpha', pair('alpha', 'gamma'))).toMatchObject({ applied: true });
    expect(bench.held.get('beta')).toMatch(/web is about to change by version 2/);
    bench.lost = () => false;
    await isTold('beta', 'alpha');
    expect(bench.host('beta').configuration.modules[0]?.hosts).toEqual(['alpha', 'gamma']);
  });

  it('a host that comes back to the pair with its old replica gives that up first', async () => {
    await bench.applyWeb('alpha', pair('alpha', 'gamma'));
    const record = bench.recordOf('beta', 'web');
    mkdirSync(dirname(record), { recursive: true });
    writeFileSync(record, '{}');
    expect(said(await bench.applyWeb('alpha', pair('alpha', 'beta')))).toMatch(
      /^beta: beta still holds an old replica of web.*move .*replica\.json away/,
    );
    rmSync(record);
    expect(await bench.applyWeb('alpha', pair('alpha', 'beta'))).toMatchObject({ applied: true, version: 3 });
  });

  it('a host of the old pair does not leave the cluster by the same version', async () => {
    const hosts = { alpha: { lan: '10.77.0.1', link: '10.78.0.1' }, gamma: { lan: '10.77.0.3' } };
    const files = [
      { name: clusterFile, text: bench.clusterText({ hosts, arbiter: 'none' }) },
      { name: webFile, text: pair('alpha', 'gamma') },
    ];
    expect(said(await bench.apply('alpha', files))).toMatch(/beta cannot leave the cluster by the same version/);
  });

  it('a module that was taken out comes back with the hosts that it had', async () => {
    for (const name of ['alpha', 'beta'] as const) {
      const record = bench.recordOf(name, 'web');
      mkdirSync(dirname(record), { recursive: true });
      writeFileSync(record, '{}');
    }
    expect(await bench.applyWeb('alpha', null)).toMatchObject({ applied: true, version: 2 });
    expect(said(await bench.applyWeb('alpha', pair('alpha', 'gamma')))).toMatch(
      /^alpha: alpha holds a replica of web from version 1 .* had the hosts alpha and beta: apply its file with these first/,
    );
    expect(await bench.applyWeb('alpha', pair('alpha', 'beta'))).toMatchObject({ applied: true, version: 3 });
  });

  it('the directories of a module go to one of another name only when both replicas are the same', async () => {
    const renamed = [
      { name: webFile, text: null },
      { name: 'shop.module.jsonc', text: bench.webText('3s', { name: 'shop' }) },
    ];
    bench.notInSync = (name) => (name === 'beta' ? 'web is not known to be in sync on both hosts' : null);
    expect(said(await bench.apply('alpha', renamed))).toMatch(
      /^beta: shop would take the directories of web over.*not known to be in sync/,
    );
    bench.notInSync = () => null;
    expect(await bench.apply('alpha', renamed)).toMatchObject({ applied: true });
  });
});
