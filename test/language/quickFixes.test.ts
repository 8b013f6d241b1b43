import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CodeActionRequest, ExecuteCommandRequest } from 'vscode-languageserver-protocol/node';
import type { CodeAction, CreateFile, TextDocumentEdit, TextEdit } from 'vscode-languageserver-protocol/node';
import { applyEdits, LanguageClient, positionIn, validCluster, validModule } from '../support/languageClient.ts';

const web = 'modules/web.module.jsonc';
const site = 'site.cluster.jsonc';
let client: LanguageClient;

beforeEach(async () => {
  client = await LanguageClient.start({ files: { [site]: validCluster } });
});
afterEach(() => client.stop());

/** The fixes of all that is wrong in a file that is opened with a text. */
async function fixes(text: string, name = web, only?: string[]): Promise<CodeAction[]> {
  client.open(name, text);
  const diagnostics = await client.publishedOf(name, (params) => params.diagnostics.length > 0);
  const range = { start: { line: 0, character: 0 }, end: positionIn(text, text.length) };
  const found = await client.connection.sendRequest(CodeActionRequest.type, {
    ...client.textDocument(name),
    range,
    context: { diagnostics, ...(only !== undefined && { only }) },
  });
  return (found ?? []) as CodeAction[];
}

/** A text after a fix; of another file than the one that was opened, by its name. */
function after(text: string, action: CodeAction | undefined, name = web): string {
  const changes = (action?.edit?.documentChanges ?? []) as TextDocumentEdit[];
  const own = changes.filter((change) => 'textDocument' in change && change.textDocument.uri === client.uriOf(name));
  return applyEdits(
    text,
    own.flatMap(({ edits }) => edits as TextEdit[]),
  );
}

const titles = (actions: readonly CodeAction[]): string[] => actions.map(({ title }) => title);
const titled = (actions: readonly CodeAction[], part: string): CodeAction | undefined =>
  actions.find(({ title }) => title.includes(part));

describe('what is misspelt', () => {
  it('is replaced, and the file is as before otherwise', async () => {
    const text = validModule.replace('"directories"', '"directorys"');
    const [fix] = await fixes(text);
    expect(fix).toMatchObject({ title: 'Replace with "directories"', isPreferred: true });
    expect(after(text, fix)).toBe(validModule);
  });

  it('is removed when what it was to be is there already', async () => {
    const text = validModule.replace('  "hosts"', '  "host": ["alpha"],\n  "hosts"');
    const found = await fixes(text);
    expect(titles(found)).toEqual(['Remove the key "host"']);
    expect(after(text, found[0])).toBe(validModule);
  });

  it('is removed when nobody knows what it was to be', async () => {
    const text = validModule.replace('  "hosts"', '  "xyzzy": 1, // why\n  "hosts"');
    expect(after(text, titled(await fixes(text), 'Remove the key "xyzzy"'))).toBe(
      validModule.replace('  "hosts"', '  // why\n  "hosts"'),
    );
  });
});

describe('what is required', () => {
  it('is added where the schema has it, with the hosts of the cluster', async () => {
    const text = validModule.replace(/ {2}"hosts".*\n/, '');
    expect(after(text, titled(await fixes(text), 'Add "hosts"'))).toBe(validModule);
  });

  it('has the name of its file', async () => {
    const text = validModule.replace('  "name": "web",\n', '');
    expect(after(text, titled(await fixes(text), 'Add "name"'))).toContain('"name": "web"');
  });

  it('is one of several kinds', async () => {
    const text = validModule.replace(/"server".*/, '"server": {}');
    const found = await fixes(text);
    expect(titles(found)).toEqual(expect.arrayContaining(['Add "qemu"', 'Add "scripts"']));
    expect(after(text, titled(found, '"scripts"'))).toMatch(/"server": \{ "scripts": \{\s+"start": \[/);
  });

  it('is not added to half-typed text', async () => {
    expect(titles(await fixes('{ "name": "web", "hosts": ["alpha" }'))).toEqual([]);
  });
});

describe('a quantity', () => {
  it('gets the unit that one chooses', async () => {
    const text = validModule.replace('"mirror"', '"failover": { "detection": 5 }, "mirror"');
    const found = await fixes(text);
    expect(titles(found)).toEqual(expect.arrayContaining(['Change to "5s"', 'Change to "5ms"']));
    expect(after(text, titled(found, '"5s"'))).toContain('"detection": "5s"');
  });

  it('that is a part of a unit is written in a smaller one', async () => {
    const text = validModule.replace('512MiB', '1.5GiB');
    expect(after(text, titled(await fixes(text), 'Change to "1536MiB"'))).toContain('"memory": "1536MiB"');
  });

  it('that is out of range becomes the nearest that is in it', async () => {
    const text = validModule.replace('"memory"', '"cpus": 1000, "memory"');
    expect(after(text, titled(await fixes(text), 'Change to 512'))).toContain('"cpus": 512');
  });
});

describe('a name that is not there', () => {
  it('becomes a host of the cluster file, with the next address', async () => {
    const found = await fixes(validModule.replace('"beta"', '"delta"'));
    expect(after(validCluster, titled(found, 'Add the host "delta"'), site)).toBe(
      validCluster.replace('"10.77.0.3" } }', '"10.77.0.3" }, "delta": { "lan": "10.77.0.4" } }'),
    );
  });

  it.each([
    ['10.77.0.254', '10.77.0.2'],
    ['fd00::a', 'fd00::b'],
  ])('becomes a host of the cluster file, with an address that is free behind %s', async (highest, next) => {
    const cluster = validCluster.replace('10.77.0.3', highest).replace('10.77.0.2', '10.77.0.9');
    await client.write('b/site.cluster.jsonc', cluster);
    const found = await fixes(validModule.replace('"beta"', '"delta"'), 'b/web.module.jsonc');
    expect(titles(found)).toContain(`Add the host "delta" to site.cluster.jsonc with ${next}, to be changed`);
  });

  it('becomes a network of the cluster file', async () => {
    const address = '"virtualAddresses": [{ "address": "10.77.0.9/24", "network": "dmz" }], "mirror"';
    const found = await fixes(validModule.replace('"mirror"', address));
    expect(after(validCluster, titled(found, 'Add the network "dmz"'), site)).toContain(
      '"networks": { "lan": {}, "dmz": {} }',
    );
  });

  it('is taken out of a list', async () => {
    const text = validModule.replace('"mirror"', '"dependsOn": ["nobody"],\n  "mirror"');
    expect(after(text, titled(await fixes(text), 'Remove "nobody"'))).toContain('"dependsOn": [],');
  });
});

describe('an arbiter', () => {
  it('is chosen from the hosts that are of no pair', async () => {
    const text = validCluster.replace('{ "witness": "gamma" }', '"none"');
    client.open(web, validModule);
    const found = await fixes(text, site);
    expect(after(text, titled(found, 'Make "gamma" the witness'), site)).toBe(validCluster);
  });

  it('that is of the pair gets a further witness', async () => {
    const found = await fixes(validModule.replace('"beta"', '"gamma"'));
    expect(after(validCluster, titled(found, 'Add "beta" as a further witness'), site)).toContain(
      '"witness": ["gamma", "beta"]',
    );
  });
});

describe('a script', () => {
  const text = validModule.replace(
    /"server".*/,
    '"server": { "scripts": { "start": ["/etc/understudy/scripts/web-start"], "stop": ["/etc/understudy/scripts/web-start"] } }',
  );

  it('that is missing is made from a template, which fails until it is written', async () => {
    await mkdir(join(client.folder, 'scripts'));
    client.open(web, text);
    await client.publishedOf(web, ({ diagnostics }) => diagnostics.length > 0);
    const fix = titled(await fixes(text), 'Create web-start from a template');
    const [create, write] = (fix?.edit?.documentChanges ?? []) as [CreateFile, TextDocumentEdit];
    expect(create).toMatchObject({ kind: 'create', uri: client.uriOf('scripts/web-start') });
    const script = (write.edits as TextEdit[])[0]?.newText ?? '';
    expect(script).toMatch(/^#!\/bin\/sh\n[\s\S]*Module web[\s\S]*exit 1\n$/);

    await writeFile(join(client.folder, 'scripts/web-start'), script, { mode: 0o644 });
    client.published.length = 0;
    await client.connection.sendRequest(ExecuteCommandRequest.type, {
      command: fix?.command?.command ?? '',
      arguments: fix?.command?.arguments ?? [],
    });
    expect((await stat(join(client.folder, 'scripts/web-start'))).mode & 0o111).not.toBe(0);
    expect(await client.publishedOf(web, ({ diagnostics }) => diagnostics.length === 0)).toEqual([]);
  });

  it('is made executable only if a file names it', async () => {
    const other = join(client.folder, 'other');
    await writeFile(other, '', { mode: 0o644 });
    await client.connection.sendRequest(ExecuteCommandRequest.type, {
      command: 'understudy.languageServer.makeExecutable',
      arguments: [client.uriOf('other')],
    });
    expect((await stat(other)).mode & 0o111).toBe(0);
  });
});

describe('everything at once', () => {
  const broken = validModule
    .replace('"directories"', '"directorys"')
    .replace('512MiB', '512 MB')
    .replace('"mirror"', '"dependsOn": ["db", "db"],\n  "mirror"');

  it('mends what is clear, and keeps comments and order', async () => {
    const [fix, ...others] = await fixes(broken, web, ['source.fixAll']);
    expect(others).toEqual([]);
    expect(fix).toMatchObject({ kind: 'source.fixAll.understudy', title: 'Mend all 3 clear mistakes' });
    expect(after(broken, fix)).toBe(validModule.replace('"mirror"', '"dependsOn": ["db"],\n  "mirror"'));
  });

  it('leaves a name that may be still to be defined', async () => {
    const text = validModule.replace('"beta"', '"betta"');
    expect(titles(await fixes(text))).toContain('Replace with "beta"');
    expect(await fixes(text, 'modules/a.module.jsonc', ['source.fixAll'])).toEqual([]);
  });

  it('is offered only to who asks for it', async () => {
    expect((await fixes(broken)).some(({ kind }) => kind === 'source.fixAll.understudy')).toBe(false);
    expect(await fixes(broken, 'modules/a.module.jsonc', ['refactor'])).toEqual([]);
  });
});
