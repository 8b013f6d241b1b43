import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { exitCodes } from '../../../agent/cli/exitCodes.ts';
import type { Io } from '../../../agent/cli/io.ts';
import { runCommandLine } from '../../../agent/cli/program.ts';
import { namedFilesIn } from '../../../extension/language/server/model/namedFiles.ts';
import { parseImportAnswer } from '../../../extension/model/importAnswer.ts';
import { parseDocument } from '../../../schemas/document.ts';
import { zipFile } from '../../support/zipFile.ts';
import { farm, kvm } from './examples.ts';

let folder: string;

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'understudy-import-verb-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = (...names: string[]): string => join(folder, ...names);
const startPrim = '#!/bin/bash\nvirsh start $VM_NAME\n';

async function understudy(
  args: readonly string[],
  extra: Partial<Io> = {},
): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await runCommandLine(args, {
    stdout: (text) => (out += text),
    stderr: (text) => (err += text),
    isInteractive: false,
    isTerminal: false,
    hasColour: false,
    ask: () => Promise.reject(new Error('nobody is there')),
    signal: new AbortController().signal,
    environment: {},
    ...extra,
  });
  return { code, out, err };
}

function writeSafe(name = 'vm1.safe', xml = kvm): string {
  const file = path(name);
  writeFileSync(
    file,
    zipFile([
      { name: 'conf/userconfig.xml', content: xml },
      { name: 'bin/start_prim', content: startPrim, mode: 0o100755 },
      { name: 'bin/stop_prim', content: '#!/bin/bash\nvirsh shutdown $VM_NAME\n', mode: 0o100755 },
      { name: 'bin/vmcheck', content: '#!/bin/bash\n', mode: 0o100755 },
    ]),
  );
  return file;
}

it('prints the report and writes nothing without a folder', async () => {
  const { code, out, err } = await understudy(['import', writeSafe()]);
  expect(code).toBe(exitCodes.ok);
  expect(out).toContain('# Import of `vm1.safe`');
  expect(out).toContain('| `service/rfs/replicated@dir` | 9 | `%VM_PATH%/%VM_NAME%` | taken over |');
  expect(err).toContain('nothing was written');
  expect(existsSync(path('vm1.module.jsonc'))).toBe(false);
});

it('writes the module, which is valid beside its cluster, and its scripts', async () => {
  const to = path('out');
  const { code, err } = await understudy(['import', writeSafe(), '--to', to, '--hosts', 'alpha,beta']);
  expect([code, err]).toEqual([exitCodes.ok, expect.stringContaining(`are in ${to}`)]);
  writeFileSync(
    path('out/site.cluster.jsonc'),
    `{ "name": "site", "networks": { "default": {} }, "arbiter": { "witness": "gamma" },
       "hosts": { "alpha": { "default": "10.0.0.1" }, "beta": { "default": "10.0.0.2" }, "gamma": { "default": "10.0.0.3" } } }`,
  );
  // An editor finds them where it looks for what will be in /etc/understudy/scripts.
  const module = path('out/vm1.module.jsonc');
  const named = namedFilesIn(parseDocument('module', readFileSync(module, 'utf8'), module));
  const programs = named.filter(({ role }) => role === 'program').map(({ candidates }) => candidates[0] ?? '');
  expect(programs.length).toBeGreaterThan(2);
  for (const program of programs) expect(statSync(program).mode & 0o111, program).toBe(0o111);
  const valid = await understudy(['validate', path('out/site.cluster.jsonc'), path('out/vm1.module.jsonc')]);
  expect(valid).toMatchObject({ code: 0, out: '2 files valid, 0 warnings\n' });
  expect(statSync(path('out/scripts/vm1/start')).mode & 0o777).toBe(0o755);
  expect(statSync(path('out/scripts/vm1/bin/start_prim')).mode & 0o777).toBe(0o755);
  expect(statSync(path('out/vm1.module.jsonc')).mode & 0o777).toBe(0o644);
  expect(readFileSync(path('out/scripts/vm1/bin/start_prim'), 'utf8')).toBe(startPrim);
  expect(readFileSync(path('out/scripts/vm1/import-report.md'), 'utf8')).toContain('## What is left to you');
});

it('reads a folder and a configuration alone, and calls the module as its folder', async () => {
  mkdirSync(path('Data Base/conf'), { recursive: true });
  mkdirSync(path('Data Base/bin'));
  writeFileSync(path('Data Base/conf/userconfig.xml'), kvm);
  writeFileSync(path('Data Base/bin/start_prim'), startPrim);
  for (const source of [path('Data Base'), path('Data Base/conf/userconfig.xml')]) {
    const { code, out } = await understudy(['import', source, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ ok: true, name: 'data-base', folder: null });
  }
  const named = await understudy(['import', path('Data Base'), '--name', 'vm', '--json']);
  expect(JSON.parse(named.out)).toMatchObject({ name: 'vm' });
});

it('answers with everything as JSON, which the editor reads', async () => {
  const { out } = await understudy(['import', writeSafe(), '--json', '--to', path('out')]);
  const answer = JSON.parse(out) as {
    files: { path: string; mode: string; text?: string }[];
    report: { configuration: object[] };
  };
  expect(answer.files.find((file) => file.path === 'scripts/vm1/bin/start_prim')).toMatchObject({
    mode: '0755',
    text: startPrim,
  });
  expect(answer.report.configuration.length).toBeGreaterThan(20);
  expect(parseImportAnswer(out)).toMatchObject({
    kind: 'imported',
    name: 'vm1',
    folder: path('out'),
    impossible: null,
  });
});

it('replaces nothing unasked', async () => {
  const file = writeSafe();
  const to = ['--to', path('out')];
  expect((await understudy(['import', file, ...to])).code).toBe(0);
  writeFileSync(path('out/vm1.module.jsonc'), 'mine');

  const refused = await understudy(['import', file, ...to, '--json']);
  expect(refused.code).toBe(exitCodes.refused);
  const answer = parseImportAnswer(refused.out);
  expect(answer).toMatchObject({ kind: 'refused', code: 'EXISTS' });
  expect(answer?.kind === 'refused' && answer.existing).toContain('vm1.module.jsonc');
  const person = { isInteractive: true, ask: () => Promise.resolve('no') };
  expect((await understudy(['import', file, ...to], person)).code).toBe(exitCodes.refused);
  expect(readFileSync(path('out/vm1.module.jsonc'), 'utf8')).toBe('mine');

  expect((await understudy(['import', file, ...to], { ...person, ask: () => Promise.resolve('vm1') })).code).toBe(0);
  expect(readFileSync(path('out/vm1.module.jsonc'), 'utf8')).toContain('"name": "vm1"');
  expect((await understudy(['import', file, ...to, '--overwrite'])).code).toBe(0);
});

it('writes through no link', async () => {
  mkdirSync(path('out/scripts'), { recursive: true });
  mkdirSync(path('elsewhere'));
  symlinkSync(path('elsewhere'), path('out/scripts/vm1'));
  const { code, err } = await understudy(['import', writeSafe(), '--to', path('out'), '--overwrite']);
  expect(code).toBe(exitCodes.usage);
  expect(err).toContain('is not a folder');
  expect(existsSync(path('elsewhere/start'))).toBe(false);
  expect(existsSync(path('out/vm1.module.jsonc'))).toBe(false);
});

it('writes through no link that lies where it writes first', async () => {
  mkdirSync(path('out/scripts/vm1'), { recursive: true });
  writeFileSync(path('mine'), 'mine');
  for (const name of ['start', 'stop', 'environment']) symlinkSync(path('mine'), path(`out/scripts/vm1/.${name}.tmp`));
  expect((await understudy(['import', writeSafe(), '--to', path('out')])).code).toBe(0);
  expect(readFileSync(path('mine'), 'utf8')).toBe('mine');
  expect(readdirSync(path('out/scripts/vm1')).filter((name) => name.endsWith('.tmp'))).toHaveLength(3);
});

it('brings no file of this machine into a module', async () => {
  mkdirSync(path('web/conf'), { recursive: true });
  writeFileSync(path('web/conf/userconfig.xml'), kvm);
  symlinkSync('/etc/hostname', path('web/notes'));
  const { code, err } = await understudy(['import', path('web')]);
  expect([code, err]).toEqual([exitCodes.invalid, expect.stringContaining('symbolic link')]);
});

it('refuses a hostile archive with a reason and without a trace', async () => {
  writeFileSync(
    path('web.safe'),
    zipFile([
      { name: 'conf/userconfig.xml', content: kvm },
      { name: 'bin/../../../evil', content: 'x' },
    ]),
  );
  const { code, out } = await understudy(['import', path('web.safe'), '--to', path('out'), '--json']);
  expect(code).toBe(exitCodes.invalid);
  expect(parseImportAnswer(out)).toMatchObject({ kind: 'refused', code: 'UNSAFE_NAME' });
  expect(existsSync(path('out'))).toBe(false);
});

it('says why there is no module, with its report', async () => {
  const { code, out, err } = await understudy(['import', writeSafe('farm.safe', farm), '--to', path('out')]);
  expect(code).toBe(exitCodes.invalid);
  expect(out).toContain('**There is no module file.**');
  expect(err).toContain('no module to be made');
  expect(existsSync(path('out'))).toBe(false);
});

it.each([
  [['import', '/nonexistent/x.safe'], 2],
  [['import', '/dev/null'], 2],
  [['import', 'x', '--hosts', 'alpha'], 2],
  [['import', 'x', '--hosts', 'alpha,alpha'], 2],
  [['import', 'x', '--hosts', 'Alpha,beta'], 2],
  [['import'], 2],
])('tells of wrong usage: %j', async (args, code) => {
  expect((await understudy(args)).code).toBe(code);
});

it('is read by the editor only when it is an answer', () => {
  for (const text of ['', 'x', 'null', '[]', '{}', '{"name":"x"}', '{"error":{}}']) {
    expect(parseImportAnswer(text)).toBeNull();
  }
});
