import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readFolder } from '../../agent/config/configuration.ts';
import { hashOfFiles, type FileVersion } from '../../agent/config/versions.ts';
import { ApplyHosts, clusterFile, said, webFile as web, type HostName } from '../support/applyHosts.ts';

let bench: ApplyHosts;
beforeEach(async () => {
  bench = await ApplyHosts.start();
});
afterEach(() => {
  vi.useRealTimers();
  bench.close();
});

const host = (name: HostName) => bench.host(name);
const detection = (name: HostName) => host(name).configuration.modules[0]?.failover.detectionMs;
const versionOf = (number: number, text: string): FileVersion => {
  const files = { ...host('alpha').files.files, [web]: text };
  return { number, hash: hashOfFiles(files), at: '', by: 'ops', host: 'alpha', note: null, files };
};

/** A host that can make no version durable, until the returned function is called. */
function breakDisk(name: HostName): () => void {
  const versions = join(bench.folder, name, 'state', 'versions');
  mkdirSync(dirname(versions), { recursive: true });
  writeFileSync(versions, '');
  return () => rmSync(versions);
}

describe('a folder', () => {
  it('that cannot be written keeps no agent from starting', async () => {
    const db = join(bench.folder, 'alpha', 'modules', 'db.module.jsonc');
    mkdirSync(db);
    const text = bench.webText('3s', { name: 'db', mirror: { directories: [join(bench.folder, 'db')] } });
    mkdirSync(join(bench.folder, 'db'));
    const added = { name: 'db.module.jsonc', text };
    expect(await bench.apply('beta', [added])).toMatchObject({ applied: true });
    bench.stop('alpha');
    const { files } = await bench.start('alpha');
    expect(files.told).toMatchObject({ number: 1, edited: ['db.module.jsonc'] });
    expect(readFileSync(join(bench.folder, 'alpha', 'log.jsonl'), 'utf8')).toContain('FOLDER_NOT_WRITTEN');
    rmSync(db, { recursive: true });
    bench.stop('alpha');
    expect((await bench.start('alpha')).files.told).toMatchObject({ number: 1, edited: [] });
  });

  it('is brought to a version that was taken over just before the agent ended, however many it had missed', async () => {
    expect(await bench.applyWeb('alpha', bench.webText('5s'))).toMatchObject({ applied: true, version: 1 });
    bench.stop('beta');
    host('alpha').store.save(versionOf(2, bench.webText('6s')));
    const newest = versionOf(3, bench.webText('7s'));
    mkdirSync(join(bench.folder, 'beta', 'state', 'versions'), { recursive: true });
    writeFileSync(
      join(bench.folder, 'beta', 'state', 'versions', '3.json'),
      JSON.stringify({ formatVersion: 1, ...newest }),
    );
    const beta = await bench.start('beta');
    expect(beta.files.told).toMatchObject({ number: 3, edited: [] });
    expect(readFileSync(bench.fileOf('beta'), 'utf8')).toBe(bench.webText('7s'));
  });

  it('that is read while a version takes effect is not taken for edited', async () => {
    bench.stop('beta');
    vi.useFakeTimers({ toFake: ['setInterval'] });
    const { configuration, files } = await bench.start('beta');
    vi.advanceTimersByTime(5000);
    configuration.become({ ...configuration.now, files: { ...configuration.files, [web]: bench.webText('5s') } });
    for (let times = 0; times < 3; times += 1) await readFolder(configuration.directory);
    expect(files.told.edited).toEqual([]);
    // The next look finds it.
    vi.advanceTimersByTime(5000);
    await expect.poll(() => files.told.edited).toEqual([web]);
  });
});

describe('what is applied to a module', () => {
  it('does not touch the directories that it has already: they may stand still', async () => {
    rmSync(join(bench.folder, 'srv'), { recursive: true });
    expect(await bench.applyWeb('alpha', bench.webText('5s'))).toMatchObject({ applied: true });
    bench.isStopped = true;
    const directories = [join(bench.folder, 'srv'), join(bench.folder, 'more')];
    const more = bench.webText('5s', { mirror: { directories } });
    const { problems } = await bench.applyWeb('alpha', more);
    expect(problems.filter(({ host: on }) => on === 'alpha')).toMatchObject([
      { file: web, column: more.indexOf(JSON.stringify(directories[1])) + 1, message: /more does not exist on alpha/ },
    ]);
  });
});

describe('an earlier version than the one in doubt', () => {
  it('does not end the doubt', async () => {
    bench.isStopped = true;
    bench.lost = (to, method) => to === 'beta' && method === 'configuration.commit';
    expect(await bench.applyWeb('alpha', bench.webText('5s'))).toMatchObject({ applied: true, version: 1 });
    // It misses two versions that it has agreed to.
    bench.stop('beta');
    await bench.start('beta');
    expect(await bench.applyCluster('alpha', { arbiter: 'none' })).toMatchObject({ applied: true, version: 2 });
    bench.stop('beta');
    const { files } = await bench.start('beta');
    expect([files.number, files.inDoubt?.number]).toEqual([0, 2]);
    const first = host('alpha').store.read(1);
    if (!first) throw new Error('version 1 is not kept');
    expect(await files.catchUp(first)).toBeNull();
    expect(files.inDoubt?.number).toBe(2);
    expect(bench.held.get('beta')).toMatch(/about to change by version 2/);
    bench.lost = () => false;
    bench.hear('beta', 'alpha');
    await expect.poll(() => [files.number, files.inDoubt, bench.held.get('beta')]).toEqual([2, null, null]);
  });
});

describe('what is said of hosts that are behind', () => {
  it('names why a host did not take a version over, there and on the host that asks', async () => {
    const mend = breakDisk('beta');
    const result = await bench.applyWeb('alpha', bench.webText('5s'));
    expect(result).toMatchObject({ applied: true, version: 1 });
    expect(result.message).toMatch(/applied on alpha, gamma; beta has not taken it over \(.*(EEXIST|ENOTDIR).*\)/);
    const hears = <T>(told: () => T) =>
      expect.poll(
        () => {
          bench.hear('beta', 'alpha');
          return told();
        },
        { timeout: 15_000, interval: 100 },
      );
    await hears(() => host('beta').files.told.problem).toMatch(/EEXIST|ENOTDIR/);
    expect(host('beta').files.number).toBe(0);
    expect(said(await bench.applyWeb('beta', bench.webText('6s')))).toMatch(
      /alpha runs by version 1 already, and beta cannot take it over: .*(EEXIST|ENOTDIR)/,
    );
    mend();
    await hears(() => detection('beta')).toBe(5000);
    expect(host('beta').files.told.problem).toBeNull();
  });

  it('says where a version comes from that only a witness has', async () => {
    expect(await host('gamma').files.catchUp(versionOf(7, bench.webText('5s')))).toBeNull();
    expect(said(await bench.applyWeb('alpha', bench.webText('6s')))).toMatch(
      /gamma runs by version 7 already, which alpha has not agreed to and does not take from a mere witness: let gamma/,
    );
    bench.stop('beta');
    expect(said(await bench.applyWeb('alpha', bench.webText('6s')))).toMatch(/bring back beta, which may have it, or/);
  });
});

describe('a host that is to leave', () => {
  const staying = { beta: { lan: '10.77.0.2', link: '10.78.0.2' }, gamma: { lan: '10.77.0.3' } };
  const withoutWeb = (more: object) => [
    { name: clusterFile, text: bench.clusterText(more) },
    { name: web, text: null },
  ];

  it('is taken out on another one', async () => {
    bench.isStopped = true;
    const changed = withoutWeb({ hosts: { ...staying, delta: { lan: '10.77.0.4' } } });
    for (const dryRun of [true, false]) {
      const refused = await bench.apply('alpha', changed, dryRun);
      expect(refused.applied).toBe(false);
      expect(said(refused)).toBe('alpha: alpha cannot take itself out of the cluster: apply it on beta');
    }
    expect(await bench.apply('beta', changed)).toMatchObject({ applied: true, message: /alpha is no host/ });
  });
});
