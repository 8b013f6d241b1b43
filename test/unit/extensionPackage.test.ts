import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build, type Metafile } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { filesInZip } from '../support/zipFile.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

/** All that an installed extension is made of, in the folder of the extension. Whatever else is to be shipped has to be named here. */
const shipped: readonly RegExp[] = [
  /^package\.json$/,
  /^readme\.md$/i,
  /^changelog\.md$/i,
  /^LICENSE(\.txt)?$/,
  /^dist\/extension\/(extension|languageClient|languageServer)\.cjs$/,
  /^dist\/extension\/(apiValidators|fileValidators|webSocket)\.cjs$/,
  /^dist\/(import\/import|explain\/explain)\.mjs$/,
  /^dist\/media\/\w+\.(js|css)$/,
  // The licences of what is bundled.
  /^dist\/\w+\/\w+\.(cjs|mjs|js|css)\.LEGAL\.txt$/,
  /^media\/icons\/\w[\w-]*\.(svg|png)$/,
  /^media\/language\/(\w+\.tmLanguage\.json|\w+\.code-snippets|language-configuration\.json)$/,
  /^docs\/diagnostics\.md$/,
  /^media\/walkthrough\/\w+\.md$/,
];
/** What the package itself has beside that folder. */
const envelope = ['extension.vsixmanifest', '[Content_Types].xml'];

const isShipped = (name: string): boolean => shipped.some((pattern) => pattern.test(name));
const MiB = 2 ** 20;

let vsix: string;

beforeAll(async () => {
  const { stdout } = await run(process.execPath, [join(root, 'package.mjs'), 'vsix'], { cwd: root });
  vsix = stdout.trim().split('\n').at(-1) ?? '';
});

describe('the package of the extension', () => {
  it('is no larger than 3 MiB', async () => {
    expect((await stat(vsix)).size).toBeLessThanOrEqual(3 * MiB);
  });

  it('holds what an installed extension needs, and nothing else', async () => {
    const names = filesInZip(await readFile(vsix)).map(({ name }) => name);
    const inside = names.filter((name) => !envelope.includes(name)).map((name) => name.replace(/^extension\//, ''));
    expect(inside.filter((name) => !isShipped(name))).toEqual([]);
    for (const pattern of shipped) expect(inside.filter((name) => pattern.test(name))).not.toEqual([]);
    expect(names.filter((name) => envelope.includes(name)).sort()).toEqual([...envelope].sort());
  });

  it('would hold nothing else if it were made of the folder of the sources', async () => {
    const vsce = join(root, 'node_modules/@vscode/vsce/vsce');
    const { stdout } = await run(process.execPath, [vsce, 'ls', '--no-dependencies'], { cwd: root });
    const names = stdout.trim().split('\n');
    expect(names).toContain('package.json');
    expect(names.filter((name) => !isShipped(name))).toEqual([]);
  });

  it('brings a program that is active without what is needed later: language client and server, templates, WebSockets', async () => {
    const entry = 'extension/extension.ts';
    const { metafile } = await build({
      ...{ absWorkingDir: root, entryPoints: [entry], outdir: 'dist', bundle: true, write: false, metafile: true },
      ...{
        platform: 'node',
        format: 'cjs',
        mainFields: ['module', 'main'],
        conditions: ['node'],
        external: ['vscode'],
      },
    });
    const needed = importedAtOnce(metafile, entry);
    expect(needed).toContain('extension/language/client.ts');
    const late = /vscode-languageclient|vscode-languageserver|^extension\/language\/server|^schemas\/templates|\/ws\//;
    expect(needed.filter((path) => late.test(path))).toEqual([]);
    const program = filesInZip(await readFile(vsix)).find(({ name }) => name.endsWith('/extension.cjs'));
    // Without the validators, which lie beside it: to compile them took longer than all else together.
    expect(program?.size).toBeLessThanOrEqual(MiB / 2);
  });
});

/** The files that are run when a program is loaded, without those that it imports only when it comes to that. */
function importedAtOnce({ inputs }: Metafile, entry: string): readonly string[] {
  const found = new Set([entry]);
  for (const path of found) {
    for (const { path: next, kind, external } of inputs[path]?.imports ?? []) {
      if (kind !== 'dynamic-import' && external !== true) found.add(next);
    }
  }
  return [...found];
}
