import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DefinitionRequest, DocumentHighlightRequest, ReferencesRequest } from 'vscode-languageserver-protocol/node';
import type { Location } from 'vscode-languageserver-protocol/node';
import { LanguageClient, textIn, validCluster, validModule } from '../support/languageClient.ts';

const web = 'modules/web.module.jsonc';
const db = 'modules/db.module.jsonc';
const site = 'site.cluster.jsonc';
const dbText = validModule.replaceAll('web', 'db').replace('"mirror"', '"dependsOn": ["web"], "mirror"');
let client: LanguageClient;

beforeEach(async () => {
  client = await LanguageClient.start({
    files: {
      [site]: validCluster.replace('"arbiter"', '"capacity": { "alpha": { "cpu": 8 } }, "arbiter"'),
      [db]: dbText,
      'other/site.cluster.jsonc': validCluster,
    },
  });
});
afterEach(() => client.stop());

async function definition(marked: string, name = web): Promise<readonly Location[]> {
  const found = await client.connection.sendRequest(DefinitionRequest.type, client.openAt(name, marked));
  return (found ?? []) as Location[];
}

async function references(marked: string, name: string, includeDeclaration: boolean): Promise<readonly Location[]> {
  const params = { ...client.openAt(name, marked), context: { includeDeclaration } };
  return (await client.connection.sendRequest(ReferencesRequest.type, params)) ?? [];
}

describe('a definition', () => {
  it('of a host is in the cluster file of the same folder, and in no other', async () => {
    const found = await definition(validModule.replace('"beta"', '"be|ta"'));
    expect(found.map(({ uri }) => uri)).toEqual([client.uriOf(site)]);
  });

  it('of a network and of a module is found, too', async () => {
    const address = '"virtualAddresses": [{ "address": "10.77.0.9/24", "network": "la|n" }], "mirror"';
    expect((await definition(validModule.replace('"mirror"', address))).map(({ uri }) => uri)).toEqual([
      client.uriOf(site),
    ]);
    const [module] = await definition(
      validModule.replace('"mirror"', '"dependsOn": ["d|b"], "mirror"'),
      'modules/mail.module.jsonc',
    );
    expect(module?.uri).toBe(client.uriOf(db));
    expect(module === undefined ? '' : textIn(dbText, module.range)).toBe('"db"');
  });

  it('of a script is the script, where this machine has it', async () => {
    await mkdir(join(client.folder, 'scripts'));
    await writeFile(join(client.folder, 'scripts/web-start'), '#!/bin/sh\n');
    await chmod(join(client.folder, 'scripts/web-start'), 0o755);
    const scripts = '"server": { "scripts": { "start": ["/etc/understudy/scripts/web-st|art"], "stop": ["/x"] } }';
    const found = await definition(validModule.replace(/"server".*/, scripts));
    expect(found.map(({ uri }) => uri)).toEqual([client.uriOf('scripts/web-start')]);
  });

  it('of nothing is none', async () => {
    expect(await definition(validModule.replace('"memory"', '"mem|ory"'))).toEqual([]);
    expect(await definition(validModule.replace('"beta"', '"nobo|dy"'), 'a.module.jsonc')).toEqual([]);
  });
});

describe('references', () => {
  it('of a host are in all files of its cluster, with its definition when it is asked for', async () => {
    const marked = validModule.replace('"alpha"', '"al|pha"');
    const all = await references(marked, web, true);
    expect(all.map(({ uri }) => uri)).toEqual([
      client.uriOf(db),
      client.uriOf(web),
      client.uriOf(site),
      client.uriOf(site),
    ]);
    expect(await references(marked, web, false)).toHaveLength(3);
  });

  it('of a module are where others name it', async () => {
    const found = await references(validModule.replace('"name": "web"', '"name": "w|eb"'), web, false);
    expect(found.map(({ uri }) => uri)).toEqual([client.uriOf(db)]);
  });

  it('follow what is typed', async () => {
    const marked = validModule.replace('"alpha"', '"al|pha"');
    expect(await references(marked, web, false)).toHaveLength(3);
    client.open(db, dbText.replace('"alpha"', '"gamma"'));
    const params = {
      ...client.textDocument(web),
      position: { line: 3, character: 14 },
      context: { includeDeclaration: false },
    };
    expect(await client.connection.sendRequest(ReferencesRequest.type, params)).toHaveLength(2);
  });
});

it('highlights a name in its own file', async () => {
  const marked = validCluster.replace('"witness": "gamma"', '"witness": "gam|ma"');
  const found = await client.connection.sendRequest(DocumentHighlightRequest.type, client.openAt(site, marked));
  expect(found?.map(({ kind }) => kind)).toEqual([3, 2]);
});
