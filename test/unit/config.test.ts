import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listenAddresses, loadConfiguration } from '../../agent/config/configuration.ts';
import { explainReadError } from '../../agent/config/readFile.ts';
import type { ConfigurationResult } from '../../agent/config/configuration.ts';

const agent = '{ "host": "alpha" } // this host';
const cluster = JSON.stringify({
  name: 'site',
  networks: { lan: {} },
  hosts: { alpha: { lan: '10.77.0.1' }, beta: { lan: '10.77.0.2' }, gamma: { lan: '10.77.0.3' } },
  arbiter: { witness: 'gamma' },
});
const moduleText = (name: string, directory = `/srv/${name}`): string =>
  JSON.stringify({
    name,
    hosts: ['alpha', 'beta'],
    mirror: { directories: [directory] },
    server: { scripts: { start: ['/s'], stop: ['/t'] } },
  });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function load(files: Readonly<Record<string, string>>): Promise<ConfigurationResult> {
  mkdirSync(join(folder, 'modules'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return loadConfiguration(folder);
}
const messages = (result: ConfigurationResult): string =>
  result.diagnostics.map(({ file, message }) => `${file.slice(folder.length)}: ${message}`).join('\n');

describe('a configuration folder', () => {
  it('is loaded with every default filled in', async () => {
    const result = await load({
      'agent.jsonc': agent,
      'site.cluster.jsonc': cluster,
      'modules/web.module.jsonc': moduleText('web'),
      'modules/README.md': 'notes',
    });
    expect(result).toMatchObject({
      ok: true,
      diagnostics: [],
      configuration: { self: { name: 'alpha' }, modules: [{ name: 'web', failover: { detectionMs: 3000 } }] },
    });
    if (result.ok) expect(listenAddresses(result.configuration)).toEqual(['127.0.0.1', '10.77.0.1']);
  });

  it('needs no modules', async () => {
    writeFileSync(join(folder, 'agent.jsonc'), '{ "host": "gamma", "api": { "listen": ["127.0.0.1"] } }');
    writeFileSync(join(folder, 'site.cluster.jsonc'), cluster);
    const result = await loadConfiguration(folder);
    expect(result).toMatchObject({ ok: true, diagnostics: [], configuration: { modules: [] } });
    if (result.ok) expect(listenAddresses(result.configuration)).toEqual(['127.0.0.1']);
  });

  it('goes on without a broken module, and tells of it', async () => {
    const result = await load({
      'agent.jsonc': agent,
      'site.cluster.jsonc': cluster,
      'modules/web.module.jsonc': moduleText('web'),
      'modules/bad.module.jsonc': '{ "name": 1 }',
      'modules/far.module.jsonc': moduleText('far').replace('beta', 'delta'),
    });
    expect(result).toMatchObject({ ok: true, configuration: { modules: [{ name: 'web' }] } });
    expect(messages(result)).toMatch(/bad\.module\.jsonc: expected a lower-case letter/);
    expect(messages(result)).toMatch(/far\.module\.jsonc: the host "delta" is not in the cluster file/);
  });

  it('runs neither of two modules that share a directory', async () => {
    const result = await load({
      'agent.jsonc': agent,
      'site.cluster.jsonc': cluster,
      'modules/a.module.jsonc': moduleText('a', '/srv/vm'),
      'modules/b.module.jsonc': moduleText('b', '/srv/vm/b'),
      'modules/c.module.jsonc': moduleText('c'),
    });
    expect(result).toMatchObject({ ok: true, configuration: { modules: [{ name: 'c' }] } });
  });

  it.each([
    ['no agent file', { 'site.cluster.jsonc': cluster }, /agent\.jsonc: .*does not exist/],
    ['no cluster file', { 'agent.jsonc': agent }, /there is no cluster file.*understudy init/],
    [
      'two cluster files',
      { 'agent.jsonc': agent, 'a.cluster.jsonc': cluster, 'b.cluster.jsonc': cluster },
      /found a\.cluster\.jsonc and b\.cluster\.jsonc/,
    ],
    ['a broken cluster file', { 'agent.jsonc': agent, 'site.cluster.jsonc': '{' }, /closing brace/],
    [
      'a cluster file that contradicts itself',
      { 'agent.jsonc': agent, 'site.cluster.jsonc': cluster.replace('10.77.0.2', '10.77.0.1') },
      /already the address of alpha/,
    ],
    [
      'a host that the cluster does not know',
      { 'agent.jsonc': '{ "host": "delta" }', 'site.cluster.jsonc': cluster },
      /"delta" is not in the cluster file/,
    ],
    [
      'a broken agent file',
      { 'agent.jsonc': '{ "hots": "alpha" }', 'site.cluster.jsonc': cluster },
      /"hots" is unknown here/,
    ],
  ])('is unusable with %s', async (_name, files, message) => {
    const result = await load(files);
    expect(result.ok).toBe(false);
    expect(messages(result)).toMatch(message);
  });

  it('that is missing says what makes it', async () => {
    const result = await loadConfiguration(join(folder, 'gone'));
    expect(result.ok).toBe(false);
    expect(messages(result)).toMatch(/does not exist.*understudy init.*understudy join/);
  });

  it('that holds a folder in the place of a file says so', async () => {
    mkdirSync(join(folder, 'agent.jsonc'));
    const result = await load({ 'site.cluster.jsonc': cluster });
    expect(result.ok).toBe(false);
    expect(messages(result)).toMatch(/agent\.jsonc is no file: give the path of a configuration file/);
  });

  it('that may not be read says who may', () => {
    const denied = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
    expect(explainReadError('/etc/understudy', denied)).toBe(
      '/etc/understudy may not be read by this user: run as root, or change its mode',
    );
  });
});
