import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PrepareRenameRequest, RenameRequest, TextDocumentEdit } from 'vscode-languageserver-protocol/node';
import type { TextEdit, WorkspaceEdit } from 'vscode-languageserver-protocol/node';
import { applyEdits, fullCapabilities, LanguageClient, validCluster, validModule } from '../support/languageClient.ts';

const web = 'modules/web.module.jsonc';
const db = 'modules/db.module.jsonc';
const site = 'site.cluster.jsonc';
const texts: Readonly<Record<string, string>> = {
  [site]: validCluster,
  [web]: validModule,
  [db]: validModule.replaceAll('web', 'db').replace('"mirror"', '"dependsOn": ["web"], "mirror"'),
};
let client: LanguageClient;

beforeEach(async () => {
  client = await LanguageClient.start({ files: texts });
});
afterEach(() => client.stop());

async function rename(name: string, from: string, newName: string, on = client): Promise<WorkspaceEdit | null> {
  const marked = (texts[name] ?? '').replace(from, `${from.slice(0, 2)}|${from.slice(2)}`);
  return on.connection.sendRequest(RenameRequest.type, { ...on.openAt(name, marked), newName });
}

/** The texts after an edit, by the names of the files that it changes. */
function after(edit: WorkspaceEdit | null): Record<string, string> {
  const changes = (edit?.documentChanges ?? []).filter((change) => TextDocumentEdit.is(change));
  return Object.fromEntries(
    changes.map(({ textDocument, edits }) => {
      const name = Object.keys(texts).find((each) => client.uriOf(each) === textDocument.uri) ?? '';
      return [name, applyEdits(texts[name] ?? '', edits as TextEdit[])];
    }),
  );
}

describe('a host', () => {
  it('is renamed in all files of its cluster, and nothing else is touched', async () => {
    const changed = after(await rename(site, '"alpha"', 'first'));
    expect(Object.keys(changed).sort()).toEqual([db, web, site].sort());
    for (const [name, text] of Object.entries(changed)) {
      expect(text).toBe((texts[name] ?? '').replaceAll('"alpha"', '"first"'));
    }
  });
});

describe('a host in the files of agents', () => {
  const agent = (host: string): string => `{\n  // its own\n  "host": "${host}", "runDirectory": "/run/alpha",\n}\n`;
  const hosts: Readonly<Record<string, string>> = {
    'agent.jsonc': 'alpha',
    'hosts/alpha/agent.jsonc': 'alpha',
    'hosts/beta/agent.jsonc': 'beta',
    'other/hosts/alpha/agent.jsonc': 'alpha',
    'node_modules/a/agent.jsonc': 'alpha',
  };

  /** The texts of the files of agents after an edit, by the names of those that it changes. */
  function agentsAfter(edit: WorkspaceEdit | null, on = client): Record<string, string> {
    const changes = (edit?.documentChanges ?? []).filter((change) => TextDocumentEdit.is(change));
    return Object.fromEntries(
      Object.entries(hosts).flatMap(([name, host]) => {
        const change = changes.find(({ textDocument }) => textDocument.uri === on.uriOf(name));
        return change === undefined ? [] : [[name, applyEdits(agent(host), change.edits as TextEdit[])]];
      }),
    );
  }

  beforeEach(async () => {
    await client.write('other/other.cluster.jsonc', validCluster.replace('"site"', '"other"'));
    for (const [name, host] of Object.entries(hosts)) await client.write(name, agent(host));
  });

  it('is renamed in those beside the cluster file and below it, and in none of another cluster', async () => {
    const edit = await rename(site, '"alpha"', 'first');
    expect(agentsAfter(edit)).toEqual({ 'agent.jsonc': agent('first'), 'hosts/alpha/agent.jsonc': agent('first') });
    expect(edit?.documentChanges).toHaveLength(5);
    const fromModule = await rename(web, '"alpha"', 'first');
    expect(Object.keys(agentsAfter(fromModule))).toEqual(['agent.jsonc', 'hosts/alpha/agent.jsonc']);
  });

  it('is renamed as the text is in the editor, if it is open there', async () => {
    await expect
      .poll(() => client.registered.map(({ method }) => method))
      .toEqual(expect.arrayContaining(['textDocument/didOpen', 'textDocument/didChange', 'textDocument/didClose']));
    const typed = agent('alpha').replace('// its own', '// its own,\n  // and not saved');
    client.open('agent.jsonc', typed);
    const edit = await rename(site, '"alpha"', 'first');
    const own = edit?.documentChanges?.find(
      (change): change is TextDocumentEdit =>
        TextDocumentEdit.is(change) && change.textDocument.uri === client.uriOf('agent.jsonc'),
    );
    expect(own?.textDocument.version).toBe(1);
    expect(applyEdits(typed, (own?.edits ?? []) as TextEdit[])).toBe(typed.replace('"alpha"', '"first"'));
    client.close('agent.jsonc');
    expect(agentsAfter(await rename(site, '"alpha"', 'first'))['agent.jsonc']).toBe(agent('first'));
  });

  it('stays in what cannot be read, and for an editor that would not tell that it is open', async () => {
    await client.write('agent.jsonc', `{ "host": "alpha", "text": "${'x'.repeat(1024 * 1024)}" }`);
    expect(Object.keys(agentsAfter(await rename(site, '"alpha"', 'first')))).toEqual(['hosts/alpha/agent.jsonc']);
    const { workspace } = fullCapabilities;
    const plain = await LanguageClient.start({
      capabilities: { ...(workspace !== undefined && { workspace }) },
      files: { ...texts, 'agent.jsonc': agent('alpha') },
    });
    const edit = await rename(site, '"alpha"', 'first', plain);
    expect(edit?.documentChanges).toHaveLength(3);
    expect(agentsAfter(edit, plain)).toEqual({});
    await plain.stop();
  });

  it('is all that is renamed there', async () => {
    await client.write('agent.jsonc', agent('web'));
    const edit = await rename(web, '"web"', 'shop');
    expect(edit?.documentChanges).toHaveLength(3);
    expect(agentsAfter(edit)).toEqual({});
  });
});

describe('a module', () => {
  it('is renamed with its file, and where others name it', async () => {
    const edit = await rename(web, '"web"', 'shop');
    const changed = after(edit);
    expect(changed[web]).toContain('"name": "shop"');
    // What only looks like it stays.
    expect(changed[web]).toContain('/srv/vm/web');
    expect(changed[db]).toContain('"dependsOn": ["shop"]');
    expect(edit?.documentChanges?.at(-1)).toMatchObject({
      kind: 'rename',
      oldUri: client.uriOf(web),
      newUri: client.uriOf('modules/shop.module.jsonc'),
    });
  });

  it('that is called like another one is renamed alone, which mends it', async () => {
    await client.write('modules/copy.module.jsonc', validModule);
    await client.publishedOf('modules/copy.module.jsonc', ({ diagnostics }) => diagnostics.length > 0);
    const edit = await rename(web, '"web"', 'shop');
    expect(Object.keys(after(edit))).toEqual([web]);
    expect(edit?.documentChanges?.at(-1)).toMatchObject({ kind: 'rename', oldUri: client.uriOf(web) });
    const copied = client.openAt('modules/copy.module.jsonc', validModule.replace('"web"', '"w|eb"'));
    const other = await client.connection.sendRequest(RenameRequest.type, { ...copied, newName: 'shop' });
    expect(other?.documentChanges).toHaveLength(1);
    expect(other?.documentChanges?.[0]).toMatchObject({
      textDocument: { uri: client.uriOf('modules/copy.module.jsonc') },
    });
  });

  it('keeps its file for an editor that renames none', async () => {
    const plain = await LanguageClient.start({ capabilities: {}, files: texts });
    const edit = await rename(web, '"web"', 'shop', plain);
    expect(edit?.documentChanges).toBeUndefined();
    expect(Object.keys(edit?.changes ?? {}).sort()).toEqual([plain.uriOf(db), plain.uriOf(web)]);
    await plain.stop();
  });
});

describe('a rename', () => {
  it('finds its places in a file with a byte order mark, which editors take off', async () => {
    const oneLine = JSON.stringify({ name: 'mail', hosts: ['alpha', 'beta'] });
    await client.write('modules/mail.module.jsonc', `\uFEFF${oneLine}`);
    await client.publishedOf('modules/mail.module.jsonc', ({ diagnostics }) => diagnostics.length > 0);
    const edit = await rename(site, '"alpha"', 'first');
    const own = (edit?.documentChanges ?? []).filter(
      (change): change is TextDocumentEdit =>
        TextDocumentEdit.is(change) && change.textDocument.uri === client.uriOf('modules/mail.module.jsonc'),
    );
    expect(
      applyEdits(
        oneLine,
        own.flatMap(({ edits }) => edits as TextEdit[]),
      ),
    ).toBe(oneLine.replace('"alpha"', '"first"'));
  });

  it('refuses what would stand twice in a section or a list', async () => {
    await client.write(web, validModule.replace('"beta"', '"delta"'));
    await client.publishedOf(web, ({ diagnostics }) => diagnostics.length > 0);
    await expect(rename(site, '"alpha"', 'delta')).rejects.toThrow(
      '"delta" stands beside "alpha" in web.module.jsonc already',
    );
  });

  it('shows the name without its quotes', async () => {
    const place = client.openAt(web, validModule.replace('"beta"', '"be|ta"'));
    expect(await client.connection.sendRequest(PrepareRenameRequest.type, place)).toMatchObject({
      placeholder: 'beta',
    });
  });

  it('is not offered where no name stands, or one that nothing defines', async () => {
    const key = client.openAt(web, validModule.replace('"memory"', '"mem|ory"'));
    expect(await client.connection.sendRequest(PrepareRenameRequest.type, key)).toBeNull();
    const unknown = client.openAt('a.module.jsonc', validModule.replace('"beta"', '"nob|ody"'));
    expect(await client.connection.sendRequest(PrepareRenameRequest.type, unknown)).toBeNull();
  });

  it('refuses what could not be a name, and one that is taken', async () => {
    await expect(rename(site, '"alpha"', 'Not a name')).rejects.toThrow('cannot be a name');
    await expect(rename(site, '"alpha"', 'beta')).rejects.toThrow('there is a host "beta" already');
  });
});
