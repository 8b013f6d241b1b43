/** Diagnostics of all files of a folder, as they come and go. */
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  DidChangeWorkspaceFoldersNotification,
  DidChangeWatchedFilesNotification,
  DidRenameFilesNotification,
  FileChangeType,
  HoverRequest,
} from 'vscode-languageserver-protocol/node';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { explanationsOf } from '../../extension/language/server/explanations.ts';
import { fullCapabilities, LanguageClient, validCluster, validModule } from '../support/languageClient.ts';

const site = 'site.cluster.jsonc';
const web = 'modules/web.module.jsonc';
const db = 'modules/db.module.jsonc';
const dbText = validModule.replaceAll('web', 'db');

let client: LanguageClient;
afterEach(() => client.stop());

const codes = (diagnostics: readonly { readonly code?: unknown }[]): unknown[] => diagnostics.map(({ code }) => code);

/** Resolves when the server has answered a question that was asked last, and has checked what came before. */
async function settled(): Promise<void> {
  client.open('last.module.jsonc', '{');
  await client.diagnosticsOf('last.module.jsonc');
  client.close('last.module.jsonc');
  await client.publishedOf('last.module.jsonc', ({ diagnostics }) => diagnostics.length === 0);
}

describe('a folder that is open', () => {
  it('is checked at once, files too that nobody has opened', async () => {
    client = await LanguageClient.start({
      files: { [site]: validCluster, [web]: validModule.replace('"beta"', '"delta"'), [db]: dbText },
    });
    expect(codes(await client.publishedOf(web, () => true))).toEqual(['unknown-host']);
    await settled();
    expect(client.published.map(({ uri }) => uri)).not.toContain(client.uriOf(db));
  });

  it('is followed on the disk: files that come, change and go', async () => {
    client = await LanguageClient.start({ files: { [site]: validCluster, [web]: validModule } });
    await client.write(db, dbText.replace('/srv/vm/db', '/srv/vm'));
    expect(codes(await client.publishedOf(web, () => true))).toEqual(['overlapping-directories']);
    await client.write(db, dbText);
    expect(await client.publishedOf(web, ({ diagnostics }) => diagnostics.length === 0)).toEqual([]);
    await client.write(db, '{');
    expect(
      codes(await client.publishedOf(db, ({ diagnostics }) => codes(diagnostics).includes('syntax'))),
    ).toHaveLength(1);
    await client.remove(db);
    expect(await client.publishedOf(db, ({ diagnostics }) => diagnostics.length === 0)).toEqual([]);
  });

  it('is followed when a folder in it is deleted, of which an editor tells nothing else', async () => {
    client = await LanguageClient.start({ files: { [site]: validCluster, [web]: '{' } });
    expect(codes(await client.publishedOf(web, () => true))).toContain('syntax');
    await rm(join(client.folder, 'modules'), { recursive: true });
    client.changedOnDisk('modules', FileChangeType.Deleted);
    expect(await client.publishedOf(web, ({ diagnostics }) => diagnostics.length === 0)).toEqual([]);
  });

  it('is followed when a folder in it is called otherwise', async () => {
    client = await LanguageClient.start({
      files: { 'old/site.cluster.jsonc': validCluster, [`old/${web}`]: validModule.replace('"beta"', '"delta"') },
    });
    expect(codes(await client.publishedOf(`old/${web}`, () => true))).toEqual(['unknown-host']);
    await rename(join(client.folder, 'old'), join(client.folder, 'new'));
    await client.connection.sendNotification(DidRenameFilesNotification.type, {
      files: [{ oldUri: client.uriOf('old'), newUri: client.uriOf('new') }],
    });
    expect(codes(await client.publishedOf(`new/${web}`, () => true))).toEqual(['unknown-host']);
    expect(await client.publishedOf(`old/${web}`, ({ diagnostics }) => diagnostics.length === 0)).toEqual([]);
  });

  it('is watched by the editor: its files, folders that are deleted, and scripts', async () => {
    client = await LanguageClient.start({
      capabilities: {
        ...fullCapabilities,
        workspace: { ...fullCapabilities.workspace, didChangeWatchedFiles: { dynamicRegistration: true } },
      },
    });
    const watched = (): readonly unknown[] =>
      client.registered
        .filter(({ method }) => method === DidChangeWatchedFilesNotification.method)
        .map(({ registerOptions }) => registerOptions as unknown);
    await expect.poll(watched).toEqual([
      {
        watchers: [
          { globPattern: '**/*.{module,cluster}.jsonc' },
          { globPattern: '**/*', kind: 4 },
          { globPattern: '**/scripts/**' },
        ],
      },
    ]);
  });

  it('counts what is in the editor rather than on the disk, until it is closed', async () => {
    client = await LanguageClient.start({ files: { [site]: validCluster, [web]: validModule } });
    client.open(web, validModule.replace('"beta"', '"delta"'));
    expect(codes(await client.diagnosticsOf(web))).toEqual(['unknown-host']);
    client.close(web);
    expect(await client.publishedOf(web, ({ diagnostics }) => diagnostics.length === 0)).toEqual([]);
  });

  it('is not without a file for the moment after that was closed', async () => {
    const dependent = validModule.replace('"mirror"', '"dependsOn": ["db"], "mirror"');
    client = await LanguageClient.start({ files: { [site]: validCluster, [web]: dependent, [db]: dbText } });
    client.open(db, dbText);
    await client.diagnosticsOf(db);
    client.close(db);
    await settled();
    // The file on the disk is read by now, and nobody was told that there was none.
    expect(client.published.filter(({ uri }) => uri === client.uriOf(web))).toEqual([]);
  });

  it('may be `modules` alone: the cluster file above it counts for what is opened', async () => {
    client = await LanguageClient.start({ opensFolder: false, files: { [site]: validCluster } });
    await client.connection.sendNotification(DidChangeWorkspaceFoldersNotification.type, {
      event: { added: [{ uri: client.uriOf('modules'), name: 'modules' }], removed: [] },
    });
    client.open(web, validModule.replace('"beta"', '"delta"'));
    expect(codes(await client.publishedOf(web, ({ diagnostics }) => diagnostics.length > 0))).toEqual(['unknown-host']);
  });

  it('may be closed and another one opened', async () => {
    client = await LanguageClient.start({ files: { [site]: validCluster, [web]: '{' } });
    expect(codes(await client.publishedOf(web, () => true))).toContain('syntax');
    const folder = { uri: pathToFileURL(client.folder).toString(), name: 'site' };
    await client.connection.sendNotification(DidChangeWorkspaceFoldersNotification.type, {
      event: { added: [], removed: [folder] },
    });
    expect(await client.publishedOf(web, ({ diagnostics }) => diagnostics.length === 0)).toEqual([]);
    await client.connection.sendNotification(DidChangeWorkspaceFoldersNotification.type, {
      event: { added: [folder], removed: [] },
    });
    const [first] = await client.publishedOf(web, ({ diagnostics }) => diagnostics.length > 0);
    expect(first?.code).toBe('syntax');
  });

  it('has clusters that know nothing of one another, each in its folder', async () => {
    client = await LanguageClient.start({
      files: {
        [site]: validCluster,
        [web]: validModule,
        'b/b.cluster.jsonc': validCluster,
        'b/modules/web.module.jsonc': validModule,
      },
    });
    await settled();
    expect(client.published.filter(({ diagnostics }) => codes(diagnostics).includes('duplicate-name'))).toEqual([]);
  });
});

describe('what is published', () => {
  it('is only what has changed, and the file that was edited', async () => {
    client = await LanguageClient.start({
      files: { [site]: validCluster.replace('{ "witness": "gamma" }', '"none"'), [web]: validModule, [db]: dbText },
    });
    client.open(web, validModule);
    await client.diagnosticsOf(web);
    await settled();
    client.published.length = 0;
    client.change(web, 2, validModule.replace('a comment', 'another one'));
    expect(codes(await client.diagnosticsOf(web, 2))).toEqual(['no-arbiter']);
    await settled();
    const uris = client.published.map(({ uri }) => uri).filter((uri) => !uri.includes('last.'));
    expect(uris).toEqual([client.uriOf(web)]);
  });

  it('leads to the page that is shipped, to the line at which the code is explained', async () => {
    client = await LanguageClient.start({ files: { [site]: validCluster } });
    client.open(web, validModule.replace('"beta"', '"delta"'));
    const [diagnostic] = await client.diagnosticsOf(web);
    const [page = '', line] = diagnostic?.codeDescription?.href.split('#L') ?? [];
    const lines = (await readFile(fileURLToPath(page), 'utf8')).split('\n');
    expect(lines[Number(line) - 1]).toBe('## unknown-host');
  });

  it('leads nowhere where there is no such page', () => {
    expect(explanationsOf('/nowhere/program')).toEqual(new Map());
  });
});

describe('what is named on a disk', () => {
  const scripts = validModule.replace(
    /"server".*/,
    '"server": { "scripts": { "start": ["/etc/understudy/scripts/start"], "stop": ["/etc/understudy/scripts/stop"] } }',
  );

  it('is told of when it is not there, or may not be executed, and not any more when it is mended', async () => {
    client = await LanguageClient.start({ files: { [site]: validCluster, [web]: scripts } });
    await mkdir(join(client.folder, 'scripts'));
    await writeFile(join(client.folder, 'scripts/stop'), '#!/bin/sh\n');
    client.open(web, scripts);
    expect(codes(await client.publishedOf(web, ({ diagnostics }) => diagnostics.length === 2))).toEqual([
      'missing-script',
      'script-not-executable',
    ]);
    await writeFile(join(client.folder, 'scripts/start'), '#!/bin/sh\n', { mode: 0o755 });
    await chmod(join(client.folder, 'scripts/stop'), 0o755);
    client.save(web);
    expect(await client.publishedOf(web, ({ diagnostics }) => diagnostics.length === 0)).toEqual([]);
  });

  it('is told of when the folder of the scripts is not there either, as long as there is a cluster file', async () => {
    client = await LanguageClient.start({ files: { [site]: validCluster, [web]: scripts } });
    expect(codes(await client.publishedOf(web, ({ diagnostics }) => diagnostics.length > 0))).toEqual([
      'missing-script',
      'missing-script',
    ]);
    await client.remove(site);
    expect(await client.publishedOf(web, ({ diagnostics }) => diagnostics.length === 0)).toEqual([]);
  });

  it('is not looked for on a machine that is no host', async () => {
    client = await LanguageClient.start({ files: { [site]: validCluster, [web]: validModule } });
    client.open(web, validModule.replace('/srv/vm/web', '/nowhere/at/all'));
    await client.diagnosticsOf(web);
    await settled();
    client.open(
      db,
      dbText.replace(
        /"server".*/,
        '"server": { "scripts": { "start": ["/usr/bin/nothing-of-this-name"], "stop": ["/x"] } }',
      ),
    );
    await client.diagnosticsOf(db);
    await settled();
    expect(client.published.flatMap(({ diagnostics }) => diagnostics)).toEqual([
      // Of `settled`.
      ...client.published.filter(({ uri }) => uri.includes('last.')).flatMap(({ diagnostics }) => diagnostics),
    ]);
  });

  it('is an image beside others', async () => {
    client = await LanguageClient.start({ files: { [site]: validCluster, 'vm/other.raw': '' } });
    client.open(web, validModule.replace('/srv/vm/web', join(client.folder, 'vm')));
    expect(codes(await client.publishedOf(web, ({ diagnostics }) => diagnostics.length > 0))).toEqual(['missing-file']);
  });
});

it('tells of two texts that were never saved nothing of each other, and goes by the language that was chosen', async () => {
  client = await LanguageClient.start();
  const [first, second] = ['untitled:Untitled-1', 'untitled:Untitled-2'];
  for (const uri of [first, second]) {
    const textDocument = { uri, languageId: 'understudy-module', version: 1, text: validModule.replace('512', '5 12') };
    await client.connection.sendNotification('textDocument/didOpen', { textDocument });
  }
  for (const uri of [first, second]) {
    await expect
      .poll(() => codes(client.published.findLast((params) => params.uri === uri)?.diagnostics ?? []))
      .toEqual(['bad-value']);
  }
  for (const [version, uri] of [first, second].entries()) {
    await client.connection.sendNotification('textDocument/didChange', {
      textDocument: { uri, version: version + 2 },
      contentChanges: [{ text: validModule }],
    });
  }
  for (const uri of [first, second]) {
    await expect
      .poll(() => client.published.findLast((params) => params.uri === uri && params.version !== 1)?.diagnostics)
      .toEqual([]);
  }
});

it('serves a document that is in no file, and none of another kind', async () => {
  client = await LanguageClient.start();
  const uri = 'untitled:new.module.jsonc';
  const text = '{ "nam": 1 }';
  const opened = { textDocument: { uri, languageId: 'understudy-module', version: 1, text } };
  await client.connection.sendNotification('textDocument/didOpen', opened);
  const place = { textDocument: { uri }, position: { line: 0, character: 4 } };
  expect(await client.connection.sendRequest(HoverRequest.type, place)).toBeNull();
  await expect
    .poll(() => codes(client.published.find((params) => params.uri === uri)?.diagnostics ?? []))
    .toContain('unknown-key');
  const other = { textDocument: { uri: client.uriOf('package.json') }, position: { line: 0, character: 0 } };
  expect(await client.connection.sendRequest(HoverRequest.type, other)).toBeNull();
});
