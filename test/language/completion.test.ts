import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CompletionRequest, InsertTextFormat } from 'vscode-languageserver-protocol/node';
import type { CompletionItem, CompletionList, TextEdit } from 'vscode-languageserver-protocol/node';
import { crossChecks } from '../../schemas/crossChecks.ts';
import { parseDocument } from '../../schemas/document.ts';
import { applyEdits, LanguageClient, validCluster, validModule } from '../support/languageClient.ts';

const web = 'modules/web.module.jsonc';
let client: LanguageClient;

beforeEach(async () => {
  client = await LanguageClient.start({
    files: {
      'site.cluster.jsonc': validCluster,
      'modules/db.module.jsonc': validModule.replaceAll('web', 'db'),
    },
  });
});
afterEach(() => client.stop());

async function complete(marked: string, name = web): Promise<readonly CompletionItem[]> {
  const list = await client.connection.sendRequest(CompletionRequest.type, client.openAt(name, marked));
  return (list as CompletionList | null)?.items ?? [];
}

const labels = (items: readonly CompletionItem[]): string[] => items.map(({ label }) => label);

/** The text after an item was taken, without the places to fill in. */
function taken(marked: string, item: CompletionItem | undefined): string {
  const edits = [...(item?.additionalTextEdits ?? []), item?.textEdit as TextEdit];
  return applyEdits(marked.replace('|', ''), edits)
    .replace(/\$\{\d+\|([^,|]*)[^}]*\}/g, '$1')
    .replace(/\$\{\d+:([^}]*)\}/g, '$1')
    .replace(/\$\d+/g, '');
}

function find(items: readonly CompletionItem[], label: string): CompletionItem | undefined {
  return items.find((item) => item.label === label);
}

describe('keys', () => {
  it('are those that the section has not yet, with what they mean', async () => {
    const items = await complete(validModule.replace('"mirror": {', '"failover": { "restarts": 1, | }, "mirror": {'));
    expect(labels(items)).toContain('detection');
    expect(labels(items)).not.toContain('restarts');
    const detection = find(items, 'detection');
    expect(detection?.detail).toBe('duration');
    expect(JSON.stringify(detection?.documentation)).toContain('Default: `\\"3s\\"`');
    expect(detection?.insertTextFormat).toBe(InsertTextFormat.Snippet);
  });

  it('come with a first value, those that are required first', async () => {
    const marked = '{\n  |\n}\n';
    const items = await complete(marked);
    expect(labels([...items].sort((a, b) => ((a.sortText ?? '') < (b.sortText ?? '') ? -1 : 1))).slice(0, 4)).toEqual([
      'name',
      'hosts',
      'mirror',
      'server',
    ]);
    expect(JSON.parse(taken(marked, find(items, 'hosts')))).toEqual({ hosts: ['alpha', 'beta'] });
    expect(JSON.parse(taken(marked, find(items, 'mirror')))).toEqual({ mirror: { directories: ['/srv/vm/web'] } });
    expect(JSON.parse(taken(marked, find(items, 'priority')))).toEqual({ priority: 0 });
  });

  it('replace what is typed already, in quotes or not, and keep a value that is there', async () => {
    const open = validModule.replace('"mirror": {', '"failover": { "det| }, "mirror": {');
    expect(labels(await complete(open))).toContain('detection');
    const bare = '{ "failover": { det| } }';
    expect(taken(bare, find(await complete(bare, 'a.module.jsonc'), 'detection'))).toBe(
      '{ "failover": { "detection": "3s" } }',
    );
    const valued = '{ "failover": { "det|": "5s" } }';
    expect(taken(valued, find(await complete(valued, 'b.module.jsonc'), 'detection'))).toBe(
      '{ "failover": { "detection": "5s" } }',
    );
  });

  it('bring the commas that are missing around them', async () => {
    const behind = '{\n  "name": "web"\n  |\n}';
    expect(taken(behind, find(await complete(behind), 'priority'))).toBe('{\n  "name": "web",\n  "priority": 0\n}');
    const before = '{ | "name": "web" }';
    expect(taken(before, find(await complete(before, 'a.module.jsonc'), 'priority'))).toBe(
      '{ "priority": 0, "name": "web" }',
    );
  });

  it('are names of hosts and networks where those are keys', async () => {
    const capacity = validCluster.replace('"arbiter"', '"capacity": { "alpha": { "cpu": 4 }, | }, "arbiter"');
    expect(labels(await complete(capacity, 'site.cluster.jsonc'))).toEqual(['beta', 'gamma']);
  });

  it('are none in a comment, and none behind a value that needs a comma first', async () => {
    expect(await complete('{\n  // na|\n}')).toEqual([]);
    expect(await complete('{ "name": "web"| }', 'a.module.jsonc')).toEqual([]);
  });

  it('are written plainly for an editor without snippets', async () => {
    const plain = await LanguageClient.start({ capabilities: {}, opensFolder: false });
    const marked = '{ | }';
    const list = (await plain.connection.sendRequest(
      CompletionRequest.type,
      plain.openAt(web, marked),
    )) as CompletionList;
    const mirror = list.items.find(({ label }) => label === 'mirror');
    expect(mirror?.insertTextFormat).toBe(InsertTextFormat.PlainText);
    expect(JSON.parse(taken(marked, mirror))).toEqual({ mirror: { directories: ['/srv/vm/web'] } });
    await plain.stop();
  });
});

describe('values', () => {
  it('are the hosts of the cluster file that the pair has not yet, with what is known of them', async () => {
    const items = await complete(validModule.replace('["alpha", "beta"]', '["alpha", "|"]'));
    expect(labels(items)).toEqual(expect.arrayContaining(['beta', 'gamma']));
    expect(labels(items)).not.toContain('alpha');
    expect(JSON.stringify(find(items, 'gamma')?.documentation)).toContain('Witness');
  });

  it('are networks and other modules', async () => {
    const address = '"virtualAddresses": [{ "address": "10.77.0.9/24", "network": "|" }], "mirror"';
    expect(labels(await complete(validModule.replace('"mirror"', address)))).toContain('lan');
    const dependent = validModule.replace('"mirror"', '"dependsOn": ["|"], "mirror"');
    const modules = labels(await complete(dependent, 'modules/mail.module.jsonc'));
    expect(modules).toContain('db');
  });

  it('are choices, with the default named', async () => {
    const items = await complete(validModule.replace('"mirror"', '"failover": { "failback": | }, "mirror"'));
    expect(labels(items)).toEqual(['manual', 'automatic']);
    expect(find(items, 'manual')?.detail).toBe('default');
  });

  it('are durations and sizes in each unit for the number that is typed', async () => {
    const duration = await complete(validModule.replace('"mirror"', '"failover": { "detection": "5|" }, "mirror"'));
    expect(labels(duration)).toEqual(expect.arrayContaining(['5s', '5ms', '5m']));
    const size = await complete(validModule.replace('"512MiB"', '"2|"'), 'a.module.jsonc');
    expect(labels(size)).toEqual(expect.arrayContaining(['2GiB', '2MiB']));
    expect(labels(size)).not.toContain('2KiB');
  });

  it('are files of this machine, where a text names one', async () => {
    await mkdir(join(client.folder, 'vm/images'), { recursive: true });
    await writeFile(join(client.folder, 'vm/disk.raw'), '');
    const mirrored = validModule.replace('/srv/vm/web', join(client.folder, 'vm'));
    expect(labels(await complete(mirrored.replace('"disk.raw"', '"|"')))).toEqual(
      expect.arrayContaining(['disk.raw', 'images/']),
    );
    const folder = validModule.replace('/srv/vm/web', `${client.folder}/v|`);
    expect(labels(await complete(folder, 'a.module.jsonc'))).toContain('vm/');
  });

  it('are scripts beside the cluster file for what belongs to the configuration', async () => {
    await mkdir(join(client.folder, 'scripts'));
    await writeFile(join(client.folder, 'scripts/web-start'), '');
    const scripts = '"server": { "scripts": { "start": ["/etc/understudy/scripts/|"] } }';
    const items = await complete(validModule.replace(/"server".*/, scripts));
    expect(labels(items)).toContain('web-start');
    expect((find(items, 'web-start')?.textEdit as TextEdit).newText).toBe('"/etc/understudy/scripts/web-start"');
  });
});

describe('an empty file', () => {
  it('begins with everything that is required', async () => {
    const marked = '|';
    const items = await complete(marked, 'new.module.jsonc');
    expect(labels(items)).toEqual(['New module']);
    expect(Object.keys(JSON.parse(taken(marked, items[0])) as object)).toEqual(['name', 'hosts', 'mirror', 'server']);
  });

  it.each(['// what it is for\n|', '/* what it is for */ |\n', '// what it is for\n\n|\n// more\n', '  \n|\n'])(
    'that has comments alone does so, too, and keeps them: %j',
    async (marked) => {
      const items = await complete(marked, 'new.module.jsonc');
      expect(labels(items)).toEqual(['New module']);
      const text = taken(marked, items[0]);
      expect(parseDocument('module', text, 'new.module.jsonc').diagnostics).toEqual([]);
      for (const comment of marked.match(/\/[/*][^|\n]*/g) ?? []) expect(text).toContain(comment.trim());
    },
  );

  it('offers nothing within such a comment', async () => {
    expect(await complete('// what it |is for\n', 'new.module.jsonc')).toEqual([]);
  });

  it.each([
    ['new.module.jsonc', 'module'],
    ['new.cluster.jsonc', 'cluster'],
  ] as const)('%s is well as it is begun', async (name, kind) => {
    const [item] = await complete('|', `new/${name}`);
    const text = taken('|', item);
    const document = kind === 'module' ? parseDocument(kind, text, name) : parseDocument(kind, text, name);
    expect([...document.diagnostics, ...crossChecks([document])]).toEqual([]);
  });
});
