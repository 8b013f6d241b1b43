import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFiles } from '../../../agent/cli/importTarget.ts';
import type { ImportedModule } from '../../../agent/safekit/importModule.ts';
import { imported, moduleOf, service, textOf, told } from './importing.ts';

let folder: string;

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'understudy-import-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const rfs = '<rfs><replicated dir="/srv/web"/></rfs>';
const user =
  '<user nicestoptimeout="2s" forcestoptimeout="2s"><var name="GREETING" value="it\'s \\ &quot;$HOME&quot;"/></user>';

/** A script of a module that tells how it was called. */
const telling = (more = ''): string =>
  `#!/bin/sh\necho "$(basename "$0")|$*|$SAFEMODULE|$GREETING" >>"$SAFEUSERCONF/../told"\n${more}\n`;

interface Ran {
  readonly code: number | null;
  readonly output: string;
}

/** Writes an import and runs one of its scripts as the agent does. */
function run(result: ImportedModule, script: string, environment: Readonly<Record<string, string>> = {}): Ran {
  if (!existsSync(join(folder, 'scripts/web'))) writeFiles(folder, result.files);
  const { status, stdout, stderr } = spawnSync(
    '/bin/sh',
    ['-c', 'exec "$0" "$@"', join(folder, 'scripts/web', script)],
    {
      cwd: '/',
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'],
        SAFEVAR: join(folder, 'var'),
        UNDERSTUDY_STATE: 'ALONE',
        UNDERSTUDY_PREVIOUS_STATE: 'WAIT',
        ...environment,
      },
    },
  );
  return { code: status, output: `${stdout}${stderr}` };
}

const toldLines = (): readonly string[] => {
  const file = join(folder, 'scripts/web/told');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
};
const leftovers = (): readonly string[] =>
  (existsSync(join(folder, 'var')) ? readdirSync(join(folder, 'var')) : []).filter((name) => name.startsWith('run.'));
const module = (files: Readonly<Record<string, string>>, more = ''): ImportedModule =>
  imported(service(rfs + user + more), files);

describe('start', () => {
  it('runs start_both and start_prim with states, action and variables, and leaves nothing behind', () => {
    const result = module({ 'bin/start_prim': telling(), 'bin/start_both': telling(), 'bin/stop_prim': telling() });
    expect(run(result, 'start')).toEqual({ code: 0, output: '' });
    const greeting = 'it\'s \\ "$HOME"';
    expect(toldLines()).toEqual([
      `start_both|WAIT ALONE start|web|${greeting}`,
      `start_prim|WAIT ALONE start|web|${greeting}`,
    ]);
    expect(leftovers()).toEqual([]);
  });

  it('does not look at how they end, as SafeKit does not, but says so', () => {
    const { code, output } = run(module({ 'bin/start_prim': telling('exit 3'), 'bin/stop_prim': telling() }), 'start');
    expect(code).toBe(0);
    expect(output).toContain('ended with code 3');
  });

  it.each([
    ['asks SafeKit for a stop', '"$SAFE/safekit" printe "no database"\n$SAFE/safekit stop -i start_prim'],
    ['is killed', 'kill -9 $$'],
  ])('fails when a script %s', (_, more) => {
    const { code, output } = run(module({ 'bin/start_prim': telling(more), 'bin/stop_prim': telling() }), 'start');
    expect(code).toBe(1);
    expect(output).toMatch(/start_prim (asked for a stop|cannot be run)/);
    expect(leftovers()).toEqual([]);
  });

  it('runs a script whose lines ended as on Windows', () => {
    const result = module({ 'bin/start_prim': telling().replaceAll('\n', '\r\n'), 'bin/stop_prim': telling() });
    expect(told(result, 'bin/start_prim')).toContain('lines end as on Linux');
    expect(run(result, 'start').code).toBe(0);
    expect(toldLines()).toHaveLength(1);
  });

  it('leaves out a variable that the scripts beside it have for themselves, and says so', () => {
    const variables = '<user><var name="from" value="me@example.com"/><var name="PATH" value="/opt/x"/></user>';
    const result = imported(service(rfs + variables), { 'bin/start_prim': telling(), 'bin/stop_prim': telling() });
    expect(textOf(result, 'scripts/web/environment')).not.toMatch(/^(from|PATH)=/m);
    expect(run(result, 'start').code).toBe(0);
    expect(toldLines()[0]).toContain('|WAIT ALONE start|');
    expect(result.report.toDo.join('\n')).toContain('Set the variable "from" in the scripts that need it');
  });

  it('finds what the script reads beside it', () => {
    const result = module({
      'bin/start_prim': '#!/bin/sh\n. "$SAFEUSERBIN/utilities"\nhello\n',
      'bin/utilities': 'hello() { echo hello; }\n',
      'bin/stop_prim': telling(),
    });
    expect(run(result, 'start').output).toBe('hello\n');
  });
});

describe('stop', () => {
  it('runs stop_prim nicely, then with force, and ends well', () => {
    const result = module({ 'bin/start_prim': telling(), 'bin/stop_prim': telling('[ 1 -eq 2 ] && echo never') });
    expect(run(result, 'stop').code).toBe(0);
    expect(toldLines().map((line) => line.split('|')[1])).toEqual(['WAIT ALONE stop', 'force WAIT ALONE stop']);
    expect(result.report.toDo.join('\n')).toContain('Complete the script "stop"');
  });

  it('has failed when the forced stop reports an error, not when only the nice one did', () => {
    const nice = '[ "$1" = force ] || "$SAFE/safekit" printe "still busy"';
    const forced = '[ "$1" != force ] || "$SAFE/safekit" printe "stop failed"';
    expect(run(module({ 'bin/start_prim': telling(), 'bin/stop_prim': telling(nice) }), 'stop').code).toBe(0);
    rmSync(join(folder, 'scripts/web'), { recursive: true });
    const { code, output } = run(module({ 'bin/start_prim': telling(), 'bin/stop_prim': telling(forced) }), 'stop');
    expect(code).toBe(1);
    expect(output).toContain('stop failed');
  });

  it('has failed when the forced stop takes longer than it may', () => {
    const { code, output } = run(
      module({ 'bin/start_prim': telling(), 'bin/stop_prim': telling('exec sleep 60') }),
      'stop',
    );
    expect(code).toBe(1);
    expect(output).toContain('longer than 2 seconds');
  });

  it('may take as long as SafeKit would let it', () => {
    expect(moduleOf(module({ 'bin/start_prim': telling(), 'bin/stop_prim': telling() })).server).toMatchObject({
      timeoutMs: 14_000,
    });
    const standard = imported(service(`${rfs}<user/>`), { 'bin/start_prim': telling(), 'bin/stop_prim': telling() });
    expect(moduleOf(standard).server).toMatchObject({ timeoutMs: 610_000 });
    // Each of them may take as long.
    const both = { 'bin/start_prim': telling(), 'bin/stop_prim': telling(), 'bin/stop_both': telling() };
    expect(moduleOf(module(both)).server).toMatchObject({ timeoutMs: 28_000 });
    const second = { ...both, 'bin/stop_sec': telling(), 'bin/stop_second': telling() };
    expect(moduleOf(module(second)).server).toMatchObject({ timeoutMs: 56_000 });
    expect(moduleOf(module(second)).hooks.timeoutMs).toBe(42_000);
  });

  it('is for a person to write when the module has none, and fails until then', () => {
    const result = module({ 'bin/start_prim': telling() });
    expect(result.report.toDo.join('\n')).toContain('Write the script "stop"');
    expect(run(result, 'stop')).toMatchObject({
      code: 1,
      output: expect.stringContaining('not written yet') as string,
    });
  });
});

describe('a checker', () => {
  const check = '<check><custom ident="app" exec="look" arg="one two" when="prim" action="restart"/></check>';
  const scripts = (look: string): Readonly<Record<string, string>> => ({
    'bin/start_prim': telling(),
    'bin/stop_prim': telling(),
    'bin/look': `#!/bin/sh\necho "$*" >"$SAFEUSERCONF/../told"\n${look}\n`,
  });

  it('that says up is well, and one that says down is not; it does not run on', () => {
    const result = module(scripts('while :; do "$SAFE/safekit" set -r "$2" -v "$STATE" -m "$1"; sleep 1; done'), check);
    expect(run(result, 'checks/app', { STATE: 'up' })).toEqual({ code: 0, output: '' });
    expect(toldLines()).toEqual(['web custom.app one two']);
    expect(run(result, 'checks/app', { STATE: 'down' })).toMatchObject({
      code: 1,
      output: expect.stringContaining('says down') as string,
    });
    expect(spawnSync('pgrep', ['-f', join(folder, 'scripts/web/bin/look')]).status).toBe(1);
    expect(leftovers()).toEqual([]);
  });

  it('that ends without a word is not well, and what it wrote is told', () => {
    const { code, output } = run(module(scripts('echo "no such program"; exit 5'), check), 'checks/app');
    expect(code).toBe(1);
    expect(output).toContain('no such program');
  });

  it('that the module does not hold is asked for', () => {
    const { 'bin/look': _, ...others } = scripts('');
    expect(module(others, check).report.toDo.join('\n')).toContain('Put the checker look into the folder "bin"');
  });
});

describe('hooks', () => {
  const all = Object.fromEntries(
    ['prim', 'both', 'second', 'sec']
      .flatMap((name) => [`bin/start_${name}`, `bin/stop_${name}`])
      .concat('bin/transition', 'bin/poststop')
      .map((path) => [path, telling()]),
  );
  /** What of the module's own is run when the agent runs a script on its way from one state to another. */
  const ran = (script: string, from: string, to: string): readonly string[] => {
    rmSync(join(folder, 'scripts/web/told'), { force: true });
    const environment = { UNDERSTUDY_PREVIOUS_STATE: from, UNDERSTUDY_STATE: to };
    expect(run(module(all), script, environment)).toEqual({ code: 0, output: '' });
    return toldLines()
      .map((line) => line.split('|').slice(0, 2).join(' '))
      .filter((line) => line !== '');
  };
  const stopped = (name: string, from: string, to: string): readonly string[] => [
    `${name} ${from} ${to} stop`,
    `${name} force ${from} ${to} stop`,
  ];

  it('are there for the scripts of the module only', () => {
    expect(moduleOf(module({ 'bin/start_prim': telling(), 'bin/stop_prim': telling() })).hooks.programs).toEqual({});
    expect(Object.keys(moduleOf(module(all)).hooks.programs).sort()).toEqual([
      'afterChange',
      'afterStop',
      'afterWait',
      'beforePrimary',
    ]);
  });

  it('run what SafeKit runs on a secondary, and keep what serves on when it takes over', () => {
    expect(ran('hooks/after-change', 'WAIT', 'SECOND')).toEqual([
      'transition WAIT SECOND start',
      'start_both WAIT SECOND start',
      'start_second WAIT SECOND start',
      'start_sec WAIT SECOND start',
    ]);
    // The agent passes through WAIT. What runs on both hosts must not be stopped then: the start is about to rely on it.
    expect(ran('hooks/after-change', 'SECOND', 'WAIT')).toEqual(['transition SECOND WAIT start']);
    expect(ran('hooks/before-primary', 'SECOND', 'WAIT')).toEqual(stopped('stop_second', 'SECOND', 'WAIT'));
    expect(ran('start', 'SECOND', 'ALONE')).toEqual(['start_prim SECOND ALONE start']);
    expect(ran('hooks/after-change', 'WAIT', 'ALONE')).toEqual(['transition WAIT ALONE start']);
    expect(ran('hooks/after-change', 'ALONE', 'PRIM')).toEqual([
      'transition ALONE PRIM start',
      ...stopped('stop_sec', 'ALONE', 'PRIM'),
    ]);
    expect(ran('stop', 'PRIM', 'ALONE')).toEqual([
      'stop_prim PRIM ALONE stop',
      'stop_both PRIM ALONE stop',
      'stop_prim force PRIM ALONE stop',
      'stop_both force PRIM ALONE stop',
    ]);
    expect(ran('hooks/after-change', 'ALONE', 'SECOND')).toContain('start_both ALONE SECOND start');
  });

  it('start what belongs to a host that is alone once, and what a primary starts anew', () => {
    expect(ran('start', 'WAIT', 'ALONE')).toEqual(['start_both WAIT ALONE start', 'start_prim WAIT ALONE start']);
    expect(ran('hooks/after-change', 'PRIM', 'ALONE')).toContain('start_sec PRIM ALONE start');
    expect(ran('hooks/after-change', 'PRIM', 'ALONE')).not.toContain('start_sec PRIM ALONE start');
  });

  it('end what runs on a secondary when it is stopped, or goes on waiting', () => {
    const ends = (from: string, to: string): readonly string[] =>
      ['stop_sec', 'stop_second', 'stop_both'].flatMap((name) => stopped(name, from, to));
    ran('hooks/after-change', 'WAIT', 'SECOND');
    expect(ran('hooks/after-change', 'SECOND', 'STOP')).toEqual([
      'transition SECOND STOP start',
      ...ends('SECOND', 'STOP'),
    ]);
    ran('hooks/after-change', 'WAIT', 'SECOND');
    expect(ran('hooks/after-wait', 'SECOND', 'WAIT')).toEqual(ends('SECOND', 'WAIT'));
    expect(ran('hooks/after-wait', 'SECOND', 'WAIT')).toEqual([]);
    expect(ran('hooks/before-primary', 'WAIT', 'WAIT')).toEqual([]);
  });

  it('end what an earlier agent has left when the module is opened', () => {
    ran('hooks/after-change', 'WAIT', 'SECOND');
    expect(ran('stop', 'STOP', 'STOP').slice(0, 4)).toEqual([
      ...stopped('stop_sec', 'STOP', 'STOP'),
      ...stopped('stop_second', 'STOP', 'STOP'),
    ]);
    expect(ran('hooks/after-change', 'WAIT', 'SECOND')).toHaveLength(4);
  });

  it('keep a server down that lacks a file', () => {
    const data = join(folder, 'data');
    const result = imported(
      service(`<rfs><replicated dir="${data}"><tocheck path="here"/></replicated></rfs>${user}`),
      { 'bin/start_prim': telling(), 'bin/stop_prim': telling() },
    );
    expect(run(result, 'hooks/before-primary')).toMatchObject({
      code: 78,
      output: expect.stringContaining(`${data}/here is not there`) as string,
    });
    mkdirSync(data);
    writeFileSync(join(data, 'here'), '');
    expect(run(result, 'hooks/before-primary').code).toBe(0);
  });
});

describe('services', () => {
  it('are started in their order and stopped the other way round, and the first failure counts', () => {
    const result = imported(service(`${rfs}<user><var name="SERVICES" value=" db , web@1.service"/></user>`));
    const programs = join(folder, 'programs');
    mkdirSync(programs);
    writeFileSync(join(programs, 'systemctl'), `#!/bin/sh\necho "$*" >>${folder}/asked\n[ "$FAILS" != "$3" ]\n`);
    chmodSync(join(programs, 'systemctl'), 0o755);
    const PATH = `${programs}:${process.env['PATH'] ?? ''}`;
    expect(run(result, 'start', { PATH }).code).toBe(0);
    expect(run(result, 'stop', { PATH }).code).toBe(0);
    expect(run(result, 'start', { PATH, FAILS: 'db' }).code).toBe(1);
    expect(readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n')).toEqual([
      'start -- db',
      'start -- web@1.service',
      'stop -- web@1.service',
      'stop -- db',
      'start -- db',
    ]);
  });

  it('of Windows are for a person to replace', () => {
    const windows = imported(
      service(`<rfs><replicated dir="C:\\data"/></rfs><user><var name="SERVICES" value="W3SVC"/></user>`),
    );
    expect(textOf(windows, 'scripts/web/start')).toContain('FILL IN');
    const scripts = imported(service(`${rfs}<user><var name="SERVICES" value="W3SVC"/></user>`), {
      'bin/start_prim.ps1': 'x',
    });
    expect(textOf(scripts, 'scripts/web/start')).toContain('FILL IN');
    expect(scripts.report.toDo.join('\n')).toContain('are for Windows');
  });

  it('may be only a part of what scripts do that were not imported, which is said', () => {
    const result = imported(service(`${rfs}<user><var name="SERVICES" value="db"/></user>`));
    expect(result.report.toDo.join('\n')).toContain('import its folder or its .safe file instead');
  });

  it('are no services when they could be something else', () => {
    const result = imported(service(`${rfs}<user><var name="SERVICES" value="-x, a b"/></user>`));
    expect(textOf(result, 'scripts/web/start')).toContain('FILL IN');
  });
});

describe('files', () => {
  it('are told of one by one; keys stay where they are', () => {
    const result = module({
      'bin/start_prim': telling('"$SAFE/safekit" state -m web'),
      'bin/stop_prim': telling(),
      'bin/prestart': telling(),
      'bin/postconfig': telling(),
      'bin/start_both.ps1': 'x',
      'conf/modulekey.p12': 'the secret key',
      'conf/userconfig.xml.template': 'x',
      'web/index.html': 'x',
      'manifest.xml': '<x/>',
      'notes.txt': 'x',
    });
    expect(result.report.files).toHaveLength(11);
    expect(told(result, 'bin/start_prim')).toContain('"safekit state" (line 3), which fails here');
    for (const path of [
      'bin/prestart',
      'bin/postconfig',
      'bin/start_both.ps1',
      'conf/modulekey.p12',
      'web/index.html',
      'notes.txt',
    ]) {
      expect(told(result, path), path).toMatch(/^unsupported: /);
    }
    const written = result.files.map(({ path }) => path);
    expect(written).not.toContain('scripts/web/conf/modulekey.p12');
    expect(written).toContain('scripts/web/conf/userconfig.xml');
    expect(result.files.filter(({ bytes }) => Buffer.from(bytes).toString() === 'the secret key')).toEqual([]);
  });

  it('are executable when they are scripts, and no others', () => {
    const result = module({
      'bin/start_prim': 'echo',
      'bin/stop_prim': telling(),
      'bin/list.txt': 'x',
      'bin/x.cmd': 'x',
    });
    const modes = Object.fromEntries(result.files.map(({ path, mode }) => [path, mode]));
    expect(modes).toMatchObject({
      'scripts/web/start': 0o755,
      'scripts/web/stop': 0o755,
      'scripts/web/safekit': 0o755,
      'scripts/web/environment': 0o644,
      'scripts/web/bin/start_prim': 0o755,
      'scripts/web/bin/list.txt': 0o644,
      'scripts/web/bin/x.cmd': 0o644,
      'web.module.jsonc': 0o644,
    });
  });

  it('are executable when they were compiled for Linux, or are a checker that the configuration names', () => {
    const result = module(
      {
        'bin/start_prim': telling(),
        'bin/stop_prim': telling(),
        'bin/tool': '\u007fELF\u0002',
        'bin/look': 'echo without a first line',
      },
      '<check><custom ident="app" exec="look" when="prim"/></check>',
    );
    const modes = Object.fromEntries(result.files.map(({ path, mode }) => [path, mode]));
    expect(modes).toMatchObject({ 'scripts/web/bin/tool': 0o755, 'scripts/web/bin/look': 0o755 });
  });

  it('of a module whose configuration has no <user> are not run, as SafeKit does not run them', () => {
    const result = imported(service(rfs), { 'bin/start_prim': telling(), 'bin/stop_prim': telling() });
    expect(run(result, 'start').code).toBe(1);
    expect(toldLines()).toEqual([]);
    expect(result.report.toDo.join('\n')).toContain('has no <user>');
    expect(told(result, 'bin/start_prim')).toMatch(/^unsupported: Not run/);
  });

  it('of every generated script are sound for the shell', () => {
    const files = {
      'bin/start_prim': telling(),
      'bin/stop_prim': telling(),
      'bin/stop_second': telling(),
      'bin/poststop': telling(),
      'bin/look': telling(),
    };
    const result = module(files, '<check><custom ident="app" exec="look" when="prim"/></check>');
    writeFiles(folder, result.files);
    for (const { path } of result.files.filter(
      ({ path, mode }) => mode === 0o755 && dirname(path) !== 'scripts/web/bin',
    )) {
      expect(spawnSync('/bin/sh', ['-n', join(folder, path)], { encoding: 'utf8' }), path).toMatchObject({
        status: 0,
        stderr: '',
      });
    }
  });
});
