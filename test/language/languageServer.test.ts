import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createConnection } from 'vscode-languageserver/node';
import {
  createProtocolConnection,
  CodeActionRequest,
  CompletionRequest,
  DidChangeTextDocumentNotification,
  DidOpenTextDocumentNotification,
  HoverRequest,
  InitializeRequest,
  PublishDiagnosticsNotification,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver-protocol/node';
import type {
  CodeAction,
  CompletionList,
  ProtocolConnection,
  PublishDiagnosticsParams,
} from 'vscode-languageserver-protocol/node';
import { startServer } from '../../extension/language/server/server.ts';
import { crossChecks } from '../../schemas/crossChecks.ts';
import { parseDocument } from '../../schemas/document.ts';
import type { AnyDocument } from '../../schemas/document.ts';

const validCluster = `{
  "name": "site",
  "networks": { "lan": {} },
  "hosts": { "alpha": { "lan": "10.77.0.1" }, "beta": { "lan": "10.77.0.2" }, "gamma": { "lan": "10.77.0.3" } },
  "arbiter": { "witness": "gamma" }
}`;
const validModule = `{
  // a comment, and a comma at the end, are fine
  "name": "web",
  "hosts": ["alpha", "beta"],
  "mirror": { "directories": ["/srv/vm/web"] },
  "server": { "qemu": { "memory": "512MiB", "disks": [{ "file": "disk.raw" }] } }
}`;

let folder: string;
let client: ProtocolConnection;
let published: PublishDiagnosticsParams[];
let waiting: (() => void)[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'understudy-language-'));
  await mkdir(join(folder, 'modules'));
  const toServer = new PassThrough();
  const toClient = new PassThrough();
  startServer(createConnection(new StreamMessageReader(toServer), new StreamMessageWriter(toClient)));
  client = createProtocolConnection(new StreamMessageReader(toClient), new StreamMessageWriter(toServer));
  published = [];
  waiting = [];
  client.onNotification(PublishDiagnosticsNotification.type, (params) => {
    published.push(params);
    for (const check of [...waiting]) check();
  });
  client.listen();
  await client.sendRequest(InitializeRequest.type, { processId: null, rootUri: null, capabilities: {} });
});

afterEach(async () => {
  client.dispose();
  await rm(folder, { recursive: true, force: true });
});

function uriOf(name: string): string {
  return pathToFileURL(join(folder, name)).toString();
}

function open(name: string, text: string): void {
  const languageId = name.endsWith('.module.jsonc') ? 'understudy-module' : 'understudy-cluster';
  void client.sendNotification(DidOpenTextDocumentNotification.type, {
    textDocument: { uri: uriOf(name), languageId, version: 1, text },
  });
}

function change(name: string, version: number, text: string): void {
  void client.sendNotification(DidChangeTextDocumentNotification.type, {
    textDocument: { uri: uriOf(name), version },
    contentChanges: [{ text }],
  });
}

/** The diagnostics of a version of a file. */
function diagnosticsOf(name: string, version = 1): Promise<PublishDiagnosticsParams['diagnostics']> {
  return new Promise((resolve) => {
    const check = (): void => {
      const found = published.findLast((params) => params.uri === uriOf(name) && params.version === version);
      if (found === undefined) return;
      waiting = waiting.filter((other) => other !== check);
      resolve(found.diagnostics);
    };
    waiting.push(check);
    check();
  });
}

describe('diagnostics', () => {
  it('finds nothing wrong with valid files that fit together', async () => {
    open('site.cluster.jsonc', validCluster);
    open('modules/web.module.jsonc', validModule);
    await expect(diagnosticsOf('site.cluster.jsonc')).resolves.toEqual([]);
    await expect(diagnosticsOf('modules/web.module.jsonc')).resolves.toEqual([]);
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
    await writeFile(join(folder, 'site.cluster.jsonc'), validCluster);
    open('modules/web.module.jsonc', text);
    const shown = await diagnosticsOf('modules/web.module.jsonc');

    const path = join(folder, 'modules/web.module.jsonc');
    const module = parseDocument('module', text, path);
    const cluster = parseDocument('cluster', validCluster, join(folder, 'site.cluster.jsonc'));
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
    open('site.cluster.jsonc', validCluster);
    open('modules/web.module.jsonc', validModule.replace('"beta"', '"delta"'));
    await expect(diagnosticsOf('modules/web.module.jsonc')).resolves.toMatchObject([{ code: 'unknown-host' }]);
    published = [];
    change('site.cluster.jsonc', 2, validCluster.replace('"beta"', '"delta"'));
    await expect(diagnosticsOf('modules/web.module.jsonc')).resolves.toEqual([]);
  });
});

describe('modules that are about one another', () => {
  const named = (name: string, keys: string): string =>
    validModule
      .replace('"web"', `"${name}"`)
      .replace('/srv/vm/web', `/srv/vm/${name}`)
      .replace('"server"', `${keys}, "server"`);

  it('have a circle told in every file of it, until one of them breaks it', async () => {
    await writeFile(join(folder, 'site.cluster.jsonc'), validCluster);
    open('modules/web.module.jsonc', named('web', '"dependsOn": ["db"]'));
    open('modules/db.module.jsonc', named('db', '"dependsOn": ["web"]'));
    await expect(diagnosticsOf('modules/db.module.jsonc')).resolves.toMatchObject([{ code: 'dependency-cycle' }]);
    published = [];
    change('modules/db.module.jsonc', 2, named('db', '"dependsOn": []'));
    await expect(diagnosticsOf('modules/db.module.jsonc', 2)).resolves.toEqual([]);
    await expect(diagnosticsOf('modules/web.module.jsonc')).resolves.toEqual([]);
  });

  it('may be misspelt, which is mended, and have to fit on the host that is left', async () => {
    const capacity = '"capacity": { "beta": { "memory": "6GiB" } },';
    await writeFile(join(folder, 'site.cluster.jsonc'), validCluster.replace('"arbiter"', `${capacity} "arbiter"`));
    await writeFile(join(folder, 'modules/mail.module.jsonc'), named('mail', '"needs": { "memory": "4GiB" }'));
    const name = 'modules/web.module.jsonc';
    open(name, named('web', '"needs": { "memory": "4GiB" }, "dependsOn": ["mial"]'));
    const diagnostics = await diagnosticsOf(name);
    expect(diagnostics).toMatchObject([
      { code: 'over-capacity', severity: 2, message: expect.stringContaining('8 GiB of memory of 6 GiB') as string },
      { code: 'unknown-module', severity: 1 },
    ]);
    const fixes = (await client.sendRequest(CodeActionRequest.type, {
      textDocument: { uri: uriOf(name) },
      range: diagnostics[1]?.range ?? { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } },
      context: { diagnostics },
    })) as CodeAction[];
    expect(fixes.map(({ title }) => title)).toEqual(['Replace with "mail"']);
  });
});

describe('help while writing', () => {
  it('mends a misspelt key', async () => {
    const name = 'modules/web.module.jsonc';
    open(name, validModule.replace('"directories"', '"directorys"'));
    const diagnostics = await diagnosticsOf(name);
    const fixes = (await client.sendRequest(CodeActionRequest.type, {
      textDocument: { uri: uriOf(name) },
      range: diagnostics[0]?.range ?? { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } },
      context: { diagnostics },
    })) as CodeAction[];
    expect(fixes.map(({ title }) => title)).toEqual(['Replace with "directories"']);
    expect(fixes[0]?.edit?.changes?.[uriOf(name)]?.[0]?.newText).toBe('"directories"');
  });

  it('offers the keys that a section may have', async () => {
    const text = validModule.replace('"mirror": {', '"failover": {  }, "mirror": {');
    open('modules/web.module.jsonc', text);
    const before = text.slice(0, text.indexOf('"failover": {') + '"failover": { '.length);
    const line = before.split('\n').length - 1;
    const list = (await client.sendRequest(CompletionRequest.type, {
      textDocument: { uri: uriOf('modules/web.module.jsonc') },
      position: { line, character: before.split('\n').at(-1)?.length ?? 0 },
    })) as CompletionList;
    expect(list.items.map(({ label }) => label)).toEqual(
      expect.arrayContaining(['automatic', 'detection', 'restarts']),
    );
  });

  it('helps with the fencing of a host, and tells of a password in the clear', async () => {
    const name = 'site.cluster.jsonc';
    const fence = '"fence": { "hosts": { "alpha": [{ "agent": "fence_ipmilan", "options": { "password": "x" },  }] } }';
    const text = validCluster.replace('"arbiter"', `${fence}, "arbiter"`);
    open(name, text);
    await expect(diagnosticsOf(name)).resolves.toMatchObject([{ code: 'secret-in-clear' }]);
    const before = text.slice(0, text.indexOf('},  }') + 3);
    const list = (await client.sendRequest(CompletionRequest.type, {
      textDocument: { uri: uriOf(name) },
      position: { line: before.split('\n').length - 1, character: before.split('\n').at(-1)?.length ?? 0 },
    })) as CompletionList;
    expect(list.items.map(({ label }) => label)).toEqual(expect.arrayContaining(['secretFiles', 'action', 'timeout']));
  });

  it('explains a key with its default and unit', async () => {
    open('modules/web.module.jsonc', validModule.replace('"memory"', '"cpus": 2, "memory"'));
    const hover = await client.sendRequest(HoverRequest.type, {
      textDocument: { uri: uriOf('modules/web.module.jsonc') },
      position: { line: 5, character: 26 },
    });
    const words = JSON.stringify(hover?.contents);
    expect(words).toContain('Number of virtual processors.');
    expect(words).toContain('Default: `1`');
    expect(words).toContain('Unit: virtual processors.');
  });
});
