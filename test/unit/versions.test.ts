import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfiguration } from '../../agent/config/configuration.ts';
import { writeFolder } from '../../agent/config/folder.ts';
import { hashOfFiles, keptVersions, VersionStore, type FileVersion } from '../../agent/config/versions.ts';
import { lineDiff } from '../../agent/cli/lineDiff.ts';
import { driftOf, type HostVersion } from '../../agent/runtime/fileDrift.ts';

const cluster = JSON.stringify({
  name: 'site',
  networks: { lan: {} },
  hosts: { alpha: { lan: '10.77.0.1' }, beta: { lan: '10.77.0.2' }, gamma: { lan: '10.77.0.3' } },
  arbiter: { witness: 'gamma' },
});
const web = (detection: string): string =>
  JSON.stringify({
    name: 'web',
    hosts: ['alpha', 'beta'],
    mirror: { directories: ['/srv/web'] },
    server: { scripts: { start: ['/s'], stop: ['/t'] } },
    failover: { detection },
  });
const version = (number: number, files: Record<string, string>): FileVersion => {
  return { number, hash: hashOfFiles(files), at: 'now', by: 'ops', host: 'alpha', note: null, files };
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-versions-'));
  mkdirSync(join(folder, 'modules'));
  writeFileSync(join(folder, 'agent.jsonc'), JSON.stringify({ host: 'alpha', stateDirectory: join(folder, 'state') }));
  writeFileSync(join(folder, 'site.cluster.jsonc'), cluster);
  writeFileSync(join(folder, 'modules', 'web.module.jsonc'), web('3s'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const files = (detection: string) => ({ 'site.cluster.jsonc': cluster, 'web.module.jsonc': web(detection) });
const store = (): VersionStore => new VersionStore(join(folder, 'state'));

describe('versions of the files', () => {
  it('keeps the last twenty, and gives each back as it was applied', () => {
    for (let number = 0; number <= 30; number += 1) store().save(version(number, files(`${String(number + 1)}s`)));
    expect(store().all()).toHaveLength(keptVersions);
    expect(store().newest()?.files).toEqual(files('31s'));
    expect(store().read(20)?.files).toEqual(files('21s'));
    expect(store().read(3)).toBeNull();
  });

  it('the one before a version is the newest that this host had before, whatever its number', () => {
    for (const number of [0, 2, 5]) store().save(version(number, files(`${String(number + 1)}s`)));
    expect(store().before(5)?.number).toBe(2);
    expect(store().before(2)?.number).toBe(0);
    expect(store().before(0)).toBeNull();
  });

  it('says which file is damaged and what to do', () => {
    store().save(version(1, files('1s')));
    writeFileSync(join(folder, 'state', 'versions', '1.json'), '{');
    // Without it the agent would run by an older version: with an arbiter, say, that the others do not ask any more.
    expect(() => store().newest()).toThrow(
      /1\.json is damaged .*copy of this file from another host .*do not remove it/,
    );
    store().save(version(2, files('2s')));
    expect(() => store().read(1)).toThrow(/1\.json is damaged .*remove it .*earlier version/);
  });

  it('an agent runs by what was applied last; a file that was edited by hand is told of and does not count', async () => {
    const before = await loadConfiguration(folder);
    expect(before).toMatchObject({
      ok: true,
      configuration: { version: 0, modules: [{ failover: { detectionMs: 3000 } }] },
    });
    store().save(version(0, files('3s')));
    store().save(version(1, files('5s')));
    writeFileSync(join(folder, 'modules', 'web.module.jsonc'), web('9s'));
    const loaded = await loadConfiguration(folder);
    expect(loaded).toMatchObject({
      ok: true,
      configuration: { version: 1, modules: [{ failover: { detectionMs: 5000 } }] },
    });
    expect(loaded.diagnostics).toMatchObject([
      { code: 'not-applied', severity: 'warning', message: expect.stringMatching(/understudy apply web/) as string },
    ]);
  });

  it('an apply that a crash cut short between its version and the folder is no edit', async () => {
    store().save(version(0, files('3s')));
    store().save(version(1, files('5s')));
    const loaded = await loadConfiguration(folder);
    expect(loaded).toMatchObject({ ok: true, configuration: { version: 1 }, diagnostics: [] });
  });

  it('the folder follows a version; what somebody edited and the version replaces is put aside', () => {
    const file = join(folder, 'modules', 'web.module.jsonc');
    expect(writeFolder(folder, files('3s'), files('5s'))).toEqual([]);
    expect(readFileSync(file, 'utf8')).toBe(web('5s'));
    writeFileSync(file, 'mine');
    expect(writeFolder(folder, files('5s'), files('6s'))).toEqual([`${file}.edited`]);
    expect(readFileSync(`${file}.edited`, 'utf8')).toBe('mine');
    // Twice the same is kept once, and another edit beside it.
    writeFileSync(file, 'mine');
    expect(writeFolder(folder, files('6s'), files('5s'))).toEqual([`${file}.edited`]);
    writeFileSync(file, 'mine, too');
    expect(writeFolder(folder, files('5s'), files('6s'))).toEqual([`${file}.edited.2`]);
    expect(readFileSync(`${file}.edited`, 'utf8')).toBe('mine');
    expect(readFileSync(`${file}.edited.2`, 'utf8')).toBe('mine, too');
    // What a version does not change stays as it is.
    writeFileSync(file, 'mine');
    expect(writeFolder(folder, files('6s'), { ...files('6s'), 'db.module.jsonc': '{}' })).toEqual([]);
    expect(readFileSync(file, 'utf8')).toBe('mine');
    writeFolder(folder, files('6s'), { 'site.cluster.jsonc': cluster });
    expect(readdirSync(join(folder, 'modules')).sort()).toEqual([
      'db.module.jsonc',
      'web.module.jsonc.edited',
      'web.module.jsonc.edited.2',
    ]);
  });
});

describe('drift', () => {
  const of = (host: string, number: number, hash = 'a', more: Partial<HostVersion['version']> = {}): HostVersion => ({
    host,
    isReachable: true,
    version: { number, hash, files: {}, edited: [], problem: null, ...more },
  });

  it('is nothing while all hosts run by the same', () => {
    expect(driftOf(of('alpha', 3), [of('beta', 3), of('gamma', 3)])).toEqual([]);
  });

  it('names who is behind, why, and what becomes of it', () => {
    expect(driftOf(of('alpha', 3), [of('beta', 2)])).toEqual([
      'beta runs by version 2 of the files, alpha by version 3: it is brought up to date',
    ]);
    expect(driftOf(of('alpha', 3), [{ ...of('beta', 2), isReachable: false }])[0]).toMatch(/when it is back/);
    expect(driftOf(of('alpha', 2, 'a', { problem: 'web is not stopped' }), [of('beta', 3)])[0]).toMatch(
      /cannot take over: web is not stopped/,
    );
  });

  it('names different files of the same number, and what was edited by hand', () => {
    expect(driftOf(of('alpha', 3, 'a'), [of('beta', 3, 'b')])[0]).toMatch(
      /different files as version 3: `understudy restore 3`/,
    );
    expect(driftOf(of('alpha', 3), [of('beta', 3, 'a', { edited: ['web.module.jsonc'] })])[0]).toMatch(
      /web.module.jsonc in the folder of beta was changed by hand and is not applied/,
    );
  });

  it('before anything was applied, files of the same name that differ; a witness need not have them', () => {
    const own = of('alpha', 0, 'a', { files: { 'web.module.jsonc': '1' } });
    expect(driftOf(own, [of('gamma', 0, 'b')])).toEqual([]);
    expect(driftOf(own, [of('beta', 0, 'c', { files: { 'web.module.jsonc': '2' } })])[0]).toMatch(
      /of alpha and of beta differ/,
    );
  });
});

describe('a difference of two texts', () => {
  it('is told by lines, with where it is', () => {
    const lines = Array.from({ length: 12 }, (_, index) => `line ${String(index)}`);
    const after = lines.with(6, 'other').toSpliced(8, 1);
    expect(lineDiff(`${lines.join('\n')}\n`, `${after.join('\n')}\n`, ['a', 'b'])).toBe(
      [
        '--- a',
        '+++ b',
        '@@ -4 +4 @@',
        ' line 3',
        ' line 4',
        ' line 5',
        '-line 6',
        '+other',
        ' line 7',
        '-line 8',
        ' line 9',
        ' line 10',
        ' line 11',
        '',
      ].join('\n'),
    );
  });

  it('is all of it when there was nothing, and nothing when there is none', () => {
    expect(lineDiff('', 'x\n', ['a', 'b'])).toBe('--- a\n+++ b\n@@ -1 +1 @@\n+x\n');
    expect(lineDiff('x', 'x', ['a', 'b'])).toBe('');
  });
});
