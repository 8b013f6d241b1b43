import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PublishDiagnosticsParams } from 'vscode-languageserver-protocol/node';
import { crossChecks } from '../../schemas/crossChecks.ts';
import { parseDocument } from '../../schemas/document.ts';
import type { AnyDocument } from '../../schemas/document.ts';
import { LanguageClient, validCluster, validModule } from '../support/languageClient.ts';

let client: LanguageClient;

beforeEach(async () => {
  client = await LanguageClient.start({ opensFolder: false, capabilities: {} });
});
afterEach(() => client.stop());

describe('diagnostics', () => {
  it('finds nothing wrong with valid files that fit together', async () => {
    client.open('site.cluster.jsonc', validCluster);
    client.open('modules/web.module.jsonc', validModule);
    await expect(client.diagnosticsOf('site.cluster.jsonc')).resolves.toEqual([]);
    await expect(client.diagnosticsOf('modules/web.module.jsonc')).resolves.toEqual([]);
  });

  const broken: readonly (readonly [string, string])[] = [
    ['a misspelt key', validModule.replace('"directories"', '"directorys"')],
    ['a bad size', validModule.replace('512MiB', '512MB')],
    ['three hosts', validModule.replace('"beta"]', '"beta", "gamma"]')],
    ['a missing key', validModule.replace(/ {2}"hosts".*\n/, '')],
    ['a key twice', validModule.replace('"name": "web",', '"name": "web", "name": "db",')],
    ['a syntax error', validModule.replace('"name": "web",', '"name": "web"')],
    ['an empty file', ''],
    ['an unknown host', validModule.replace('"beta"', '"delta"')],
    ['the witness in the pair', validModule.replace('"beta"', '"gamma"')],
    ['a check without a kind', validModule.replace('"server": {', '"checks": [{ "every": "5s" }],\n  "server": {')],
    [
      'a check that takes too long',
      validModule.replace('"server": {', '"checks": [{ "ping": { "host": "a" }, "timeout": "1m" }],\n  "server": {'),
    ],
    [
      'two kinds of server',
      validModule.replace('"server": {', '"server": { "scripts": { "start": ["a"], "stop": ["b"] },'),
    ],
  ];
  it.each(broken)('says of %s what the command line says', async (_what, text) => {
    await writeFile(join(client.folder, 'site.cluster.jsonc'), validCluster);
    client.open('modules/web.module.jsonc', text);
    const shown = await client.diagnosticsOf('modules/web.module.jsonc');

    const path = join(client.folder, 'modules/web.module.jsonc');
    const module = parseDocument('module', text, path);
    const cluster = parseDocument('cluster', validCluster, join(client.folder, 'site.cluster.jsonc'));
    const documents: AnyDocument[] = [cluster, module];
    const expected = [
      ...module.diagnostics,
      ...crossChecks(documents).filter((diagnostic) => diagnostic.file === path),
    ];
    expect(expected.length).toBeGreaterThan(0);
    expect(
      shown.map(({ range, code, severity }) => [range.start.line + 1, range.start.character + 1, code, severity]),
    ).toEqual(expected.map(({ line, column, code, severity }) => [line, column, code, severity === 'error' ? 1 : 2]));
    for (const [index, diagnostic] of shown.entries()) expect(diagnostic.message).toContain(expected[index]?.message);
  });

  it('follows an edit of the cluster file in the module file', async () => {
    client.open('site.cluster.jsonc', validCluster);
    client.open('modules/web.module.jsonc', validModule.replace('"beta"', '"delta"'));
    await expect(client.diagnosticsOf('modules/web.module.jsonc')).resolves.toMatchObject([{ code: 'unknown-host' }]);
    client.published.length = 0;
    client.change('site.cluster.jsonc', 2, validCluster.replace('"beta"', '"delta"'));
    await expect(client.diagnosticsOf('modules/web.module.jsonc')).resolves.toEqual([]);
  });
});

describe('modules that are about one another', () => {
  const named = (name: string, keys: string): string =>
    validModule
      .replace('"web"', `"${name}"`)
      .replace('/srv/vm/web', `/srv/vm/${name}`)
      .replace('"server"', `${keys}, "server"`);

  it('have a circle told in every file of it, until one of them breaks it', async () => {
    await writeFile(join(client.folder, 'site.cluster.jsonc'), validCluster);
    client.open('modules/web.module.jsonc', named('web', '"dependsOn": ["db"]'));
    client.open('modules/db.module.jsonc', named('db', '"dependsOn": ["web"]'));
    for (const name of ['modules/db.module.jsonc', 'modules/web.module.jsonc']) {
      const isTold = ({ diagnostics }: PublishDiagnosticsParams): boolean => diagnostics.length > 0;
      await expect(client.publishedOf(name, isTold)).resolves.toMatchObject([{ code: 'dependency-cycle' }]);
    }
    client.published.length = 0;
    client.change('modules/db.module.jsonc', 2, named('db', '"dependsOn": []'));
    await expect(client.diagnosticsOf('modules/db.module.jsonc', 2)).resolves.toEqual([]);
    await expect(client.diagnosticsOf('modules/web.module.jsonc')).resolves.toEqual([]);
  });

  it('may be misspelt, and have to fit on the host that is left', async () => {
    const capacity = '"capacity": { "beta": { "memory": "6GiB" } },';
    await writeFile(
      join(client.folder, 'site.cluster.jsonc'),
      validCluster.replace('"arbiter"', `${capacity} "arbiter"`),
    );
    await writeFile(join(client.folder, 'modules/mail.module.jsonc'), named('mail', '"needs": { "memory": "4GiB" }'));
    const name = 'modules/web.module.jsonc';
    client.open(name, named('web', '"needs": { "memory": "4GiB" }, "dependsOn": ["mial"]'));
    const diagnostics = await client.diagnosticsOf(name);
    expect(diagnostics).toMatchObject([
      { code: 'over-capacity', severity: 2, message: expect.stringContaining('8 GiB of memory of 6 GiB') as string },
      { code: 'unknown-module', severity: 1 },
    ]);
  });
});

describe('fencing', () => {
  it('is told of a password in the clear', async () => {
    const name = 'site.cluster.jsonc';
    const fence = '"fence": { "hosts": { "alpha": [{ "agent": "fence_ipmilan", "options": { "password": "x" } }] } }';
    client.open(name, validCluster.replace('"arbiter"', `${fence}, "arbiter"`));
    await expect(client.diagnosticsOf(name)).resolves.toMatchObject([{ code: 'secret-in-clear' }]);
  });
});
