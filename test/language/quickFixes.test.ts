import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CodeActionRequest, ExecuteCommandRequest } from 'vscode-languageserver-protocol/node';
import type { CodeAction, CreateFile, TextDocumentEdit, TextEdit } from 'vscode-languageserver-protocol/node';
import { plainScripts } from '../../schemas/templates/plainScript.ts';
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

  it.each([
    [
      'a host of no pair first',
      3,
      [
        'Make "gamma" the witness',
        'Make each host a witness of the others: alpha, beta, gamma',
        'Add "arbiter": "none"',
      ],
      true,
    ],
    ['of two hosts none is free: nobody is led to "none"', 2, ['Add "arbiter": "none"'], false],
  ])('is an arbiter: %s', async (_, count, expected, isPreferred) => {
    const hosts = [1, 2, 3]
      .slice(0, count)
      .map((at) => `"${['', 'alpha', 'beta', 'gamma'][at] ?? ''}": { "lan": "10.77.0.${at}" }`);
    const text = `{\n  "name": "site",\n  "networks": { "lan": {} },\n  "hosts": { ${hosts.join(', ')} }\n}\n`;
    client.open(web, validModule);
    const found = await fixes(text, site);
    expect(titles(found)).toEqual(expected);
    expect(found.map((fix) => fix.isPreferred ?? false)).toEqual(expected.map((__, at) => at === 0 && isPreferred));
    const [first] = found;
    expect(after(text, first, site)).toContain(isPreferred ? '"arbiter": { "witness": "gamma" }' : '"arbiter": "none"');
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

  it.each([
    ['"detection": "1.5 min"', '"detection": "90s"'],
    ['"failbackAfter": "0.25 hours"', '"failbackAfter": "15m"'],
    ['"restartPeriod": "1.5d"', '"restartPeriod": "36h"'],
  ])('in other words, too: %s is %s', async (wrong, right) => {
    const text = validModule.replace('"server"', `"failover": { ${wrong} }, "server"`);
    const found = await fixes(text);
    expect(titles(found)).toEqual([`Change to ${right.replace(/.*: /, '')}`]);
    expect(after(text, found[0])).toBe(text.replace(wrong, right));
  });

  it('of bytes and of rates is so, too', async () => {
    const memory = validModule.replace('512MiB', '1.5GB');
    expect(after(memory, titled(await fixes(memory), 'Change to'))).toContain('"memory": "1536MiB"');
    const rate = validModule.replace('"mirror"', '"resync": { "bandwidth": "0.5 gb/s" }, "mirror"');
    const other = 'modules/a.module.jsonc';
    expect(after(rate, titled(await fixes(rate, other), 'Change to'), other)).toContain('"512MiB/s"');
  });

  it('that is no whole number of any unit is left to whoever wrote it', async () => {
    expect(
      titles(await fixes(validModule.replace('"server"', '"failover": { "detection": "1.2345s" }, "server"'))),
    ).toEqual([]);
  });

  it('that is out of range becomes the nearest that is in it', async () => {
    const text = validModule.replace('"memory"', '"cpus": 1000, "memory"');
    expect(after(text, titled(await fixes(text), 'Change to 512'))).toContain('"cpus": 512');
  });

  it.each([
    ['"detection": "30d"', '"detection": "1h"'],
    ['"restartPeriod": "400d"', '"restartPeriod": "30d"'],
  ])('that is a duration out of range becomes the nearest that is in it: %s', async (wrong, right) => {
    const text = validModule.replace('"server"', `"failover": { ${wrong} }, "server"`);
    const found = await fixes(text);
    expect(titles(found)).toEqual([`Change to ${right.replace(/.*: /, '')}`]);
    expect(after(text, found[0])).toBe(text.replace(wrong, right));
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
  const scripts = (start: string, stop: string): string =>
    validModule.replace(
      /"server".*/,
      `"server": { "scripts": { "start": ["/etc/understudy/scripts/${start}"], "stop": ["/etc/understudy/scripts/${stop}"] } }`,
    );

  /** The fix that makes a script, once the file that names it was checked against the disk. */
  async function creation(
    text: string,
    name: string,
  ): Promise<{ readonly fix: CodeAction | undefined; readonly script: string }> {
    client.open(web, text);
    await client.publishedOf(web, ({ diagnostics }) => diagnostics.length > 0);
    const fix = titled(await fixes(text), `Create ${name} from a template`);
    const [create, write] = (fix?.edit?.documentChanges ?? []) as [CreateFile, TextDocumentEdit];
    expect(create).toMatchObject({
      kind: 'create',
      uri: client.uriOf(`scripts/${name}`),
      options: { overwrite: false, ignoreIfExists: false },
    });
    return { fix, script: (write.edits as TextEdit[])[0]?.newText ?? '' };
  }

  it('that is missing is the one of the template of modules, and made executable', async () => {
    const text = scripts('web-start', 'web-stop');
    const { fix, script } = await creation(text, 'web-start');
    const answers = { name: 'web', hosts: ['alpha', 'beta'], directory: '/srv/vm/web', virtualAddress: null } as const;
    expect(script).toBe(plainScripts({ ...answers, details: {} }).start);

    // An editor makes the folders that the file is to be in.
    await mkdir(join(client.folder, 'scripts'));
    await writeFile(join(client.folder, 'scripts/web-start'), script, { mode: 0o644 });
    await writeFile(join(client.folder, 'scripts/web-stop'), script, { mode: 0o755 });
    client.published.length = 0;
    await client.connection.sendRequest(ExecuteCommandRequest.type, {
      command: fix?.command?.command ?? '',
      arguments: fix?.command?.arguments ?? [],
    });
    expect((await stat(join(client.folder, 'scripts/web-start'))).mode & 0o111).not.toBe(0);
    expect(await client.publishedOf(web, ({ diagnostics }) => diagnostics.length === 0)).toEqual([]);
  });

  it('that stops does not start', async () => {
    expect((await creation(scripts('web-start', 'web-stop'), 'web-stop')).script).toContain('kill -TERM');
  });

  it('that is to start and to stop looks which one is meant', async () => {
    const { script } = await creation(scripts('web', 'web'), 'web');
    expect(script).toMatch(/^#!\/bin\/sh\n[\s\S]*case "\$UNDERSTUDY_ACTION" in\n[\s\S]*exit 1\n$/);
  });

  it('of a hook or a check is a frame that fails until it is written', async () => {
    const checks = '"checks": [{ "command": ["/etc/understudy/scripts/look"] }],\n  "server"';
    const { script } = await creation(scripts('web-start', 'web-stop').replace('"server"', checks), 'look');
    expect(script).toMatch(/^#!\/bin\/sh\n[\s\S]*Module web[\s\S]*exit 1\n$/);
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

describe('a module of several directories', () => {
  const several = (count: number): string =>
    validModule
      .replace(
        '["/srv/vm/web"]',
        `["/srv/vm/web"${Array.from({ length: count - 1 }, (_, at) => `, "/srv/part${at + 1}"`).join('')}]`,
      )
      .replace(/"server".*/, '"server": { "scripts": { "start": ["/opt/start"], "stop": ["/opt/stop"] } }');

  /** What can be rearranged where a text stands. */
  async function refactorings(text: string, at: string): Promise<CodeAction[]> {
    client.open(web, text);
    await client.diagnosticsOf(web);
    const position = positionIn(text, text.indexOf(at) + 1);
    const found = await client.connection.sendRequest(CodeActionRequest.type, {
      ...client.textDocument(web),
      range: { start: position, end: position },
      context: { diagnostics: [], only: ['refactor'] },
    });
    return (found ?? []) as CodeAction[];
  }

  it('is two after a directory was moved, with nothing wrong in either', async () => {
    const text = several(2);
    const [move, ...others] = await refactorings(text, '"/srv/part1"');
    expect(others).toEqual([]);
    expect(move).toMatchObject({ title: 'Move "/srv/part1" to a module of its own', kind: 'refactor.extract' });
    const changes = (move?.edit?.documentChanges ?? []) as [TextDocumentEdit, CreateFile, TextDocumentEdit];
    const created = 'modules/part1.module.jsonc';
    expect(changes[1]).toEqual({
      kind: 'create',
      uri: client.uriOf(created),
      options: { overwrite: false, ignoreIfExists: false },
    });
    const moved = (changes[2].edits as TextEdit[])[0]?.newText ?? '';
    expect(moved).toContain('// a comment, and a comma at the end, are fine');
    expect(moved).toContain('"directories": ["/srv/part1"]');
    client.change(web, 2, after(text, move));
    client.open(created, moved);
    expect(await client.diagnosticsOf(web, 2)).toEqual([]);
    expect(await client.diagnosticsOf(created)).toEqual([]);
    expect(after(text, move)).toContain('"dependsOn": ["part1"]');
  });

  it('keeps the first one, at which relative paths begin, and those of a virtual machine', async () => {
    expect(await refactorings(several(2), '"/srv/vm/web"')).toEqual([]);
  });

  it('does not take the name of a module or of a file that there is', async () => {
    const other = validModule.replace('"web"', '"other"').replace('/srv/vm/web', '/srv/other');
    client.open('modules/part1.module.jsonc', other);
    client.open('modules/x.module.jsonc', other.replace('"other"', '"part1-2"').replace('/srv/other', '/srv/x'));
    const [move] = await refactorings(several(2), '"/srv/part1"');
    const [, create] = (move?.edit?.documentChanges ?? []) as [TextDocumentEdit, CreateFile];
    expect(create.uri).toBe(client.uriOf('modules/part1-3.module.jsonc'));
  });

  it('is proposed to be two when there are more than four, as a piece of information', async () => {
    const found = await fixes(several(5), web, ['quickfix']);
    const [diagnostic] = await client.diagnosticsOf(web);
    expect(diagnostic).toMatchObject({ code: 'long-module', severity: 3 });
    expect(titles(found)).toEqual([1, 2, 3, 4].map((at) => `Move "/srv/part${at}" to a module of its own`));
    client.change(web, 2, several(4));
    expect(await client.diagnosticsOf(web, 2)).toEqual([]);
    client.change(web, 3, `${several(2)}${'\n'.repeat(200)}`);
    expect((await client.diagnosticsOf(web, 3)).map(({ code }) => code)).toEqual(['long-module']);
    client.change(web, 4, `${validModule}${'\n'.repeat(300)}`);
    expect(await client.diagnosticsOf(web, 4)).toEqual([]);
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

  it('takes the first ones of very many, tells how many are left, and has a fix for each by itself', async () => {
    const checks = Array.from(
      { length: 30 },
      (_, at) => `{ "ping": { "host": "h${at}" }, "every": "5 sec", "timeout": "2 sec" }`,
    );
    const text = validModule
      .replace('"server"', `"checks": [${checks.join(', ')}], "server"`)
      .replace('512MiB', '512 MB');
    const [fix] = await fixes(text, web, ['source.fixAll']);
    expect(fix?.title).toBe('Mend all 50 clear mistakes of the first problems (then again: 11 more are left)');
    const at = positionIn(text, text.indexOf('512 MB'));
    const found = await client.connection.sendRequest(CodeActionRequest.type, {
      ...client.textDocument(web),
      range: { start: at, end: at },
      context: { diagnostics: [] },
    });
    expect(titles((found ?? []) as CodeAction[])).toEqual(['Replace with "512MiB"']);
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
