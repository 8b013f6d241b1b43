import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { plainScript } from '../../../schemas/templates/plainScript.ts';
import { postgresql } from '../../../schemas/templates/postgresql.ts';
import { webApplication } from '../../../schemas/templates/webApplication.ts';
import { freePort } from '../../support/ports.ts';
import { ScriptBench } from './scriptBench.ts';

const isRoot = process.getuid?.() === 0;

let bench: ScriptBench;
beforeEach(() => {
  bench = new ScriptBench(`t${process.pid}`);
});
afterEach(() => bench.remove());

const ok = { code: 0 };
const failed = (words: string) => ({ code: 1, output: expect.stringContaining(words) as string });

describe.skipIf(!isRoot)('the scripts for any program', () => {
  const files = (): string[] => [`/run/understudy-${bench.name}.pid`, `/var/log/understudy-${bench.name}.log`];
  const program = (text: string): Promise<void> => {
    const file = join(bench.folder, 'program');
    writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return bench.write(plainScript, { details: { command: `${file} first second` } }, (text) =>
      text.replace('patience=20', 'patience=1'),
    );
  };
  afterEach(async () => {
    await bench.run('stop');
    for (const file of files()) rmSync(file, { force: true });
  });
  const pid = (): number => Number(readFileSync(files()[0] ?? '', 'utf8').split(' ')[0]);

  it('start it with its arguments, find it alive, and end it with what it has started', async () => {
    await program('echo "$@"; sleep 1000 & echo "child $!"; wait');
    expect(await bench.run('stop')).toMatchObject(ok);
    expect(await bench.run('check')).toMatchObject(failed('does not run'));
    expect(await bench.run('start')).toMatchObject(ok);
    const log = readFileSync(files()[1] ?? '', 'utf8');
    expect(log).toMatch(/^first second\nchild \d+\n$/);
    expect(await bench.run('check')).toMatchObject(ok);
    expect(await bench.run('start')).toMatchObject(failed('runs already'));
    expect(await bench.run('stop')).toMatchObject(ok);
    expect(isAlive(Number(/child (\d+)/.exec(log)?.[1]))).toBe(false);
    expect(existsSync(files()[0] ?? '')).toBe(false);
  });

  it('kill one that does not end', async () => {
    await program("trap '' TERM; while :; do sleep 1; done");
    expect(await bench.run('start')).toMatchObject(ok);
    expect(await bench.run('stop')).toMatchObject(ok);
    expect(await bench.run('check')).toMatchObject({ code: 1 });
  });

  it('say why one ended at once, and that one is missing', async () => {
    await program('echo "no licence" >&2; exit 3');
    expect(await bench.run('start')).toMatchObject(failed('no licence'));
    chmodSync(join(bench.folder, 'program'), 0o644);
    expect(await bench.run('start')).toMatchObject(failed('is missing, or not executable'));
  });

  it('do not take another process for theirs that got its number', async () => {
    await program('sleep 1000');
    expect(await bench.run('start')).toMatchObject(ok);
    const ours = pid();
    expect(await bench.run('stop')).toMatchObject(ok);
    writeFileSync(files()[0] ?? '', `${process.pid} 1\n`);
    expect(ours).not.toBe(process.pid);
    expect(await bench.run('check')).toMatchObject({ code: 1 });
    expect(await bench.run('stop')).toMatchObject(ok);
  });
});

function isAlive(pid: number): boolean {
  const stat = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
  return stat !== '' && !stat.startsWith('Z');
}

describe('the scripts for a web application', () => {
  beforeEach(async () => {
    await bench.write(webApplication, { details: { unit: 'app.service' } });
    // Of systemd as much as the scripts ask for: one unit, its state a word in a file.
    bench.standIn(
      'systemctl',
      `
[ -e "$STATE/state" ] || echo inactive >"$STATE/state"
for word; do last=$word; done
[ "$last" = app.service ] || exit 9
case $1 in
  is-enabled) cat "$STATE/enabled" 2>/dev/null || { echo disabled; exit 1; } ;;
  show) cat "$STATE/state" ;;
  start) if [ -e "$STATE/broken" ]; then echo failed >"$STATE/state"; exit 1; fi; echo active >"$STATE/state" ;;
  stop) if [ -e "$STATE/stuck" ]; then echo deactivating >"$STATE/state"; exit 1; fi; echo inactive >"$STATE/state" ;;
  kill) rm -f "$STATE/stuck"; echo failed >"$STATE/state" ;;
  status) echo 'app.service: no such file config.json' ;;
esac`,
    );
  });
  const set = (name: string, text = ''): void => writeFileSync(join(bench.state, name), text);

  it('start the unit, find it alive, and stop it', async () => {
    expect(await bench.run('stop')).toMatchObject(ok);
    expect(await bench.run('start')).toMatchObject(ok);
    expect(await bench.run('check')).toMatchObject(ok);
    expect(await bench.run('stop')).toMatchObject(ok);
    expect(await bench.run('check')).toMatchObject(failed('app.service is inactive'));
  });

  it('refuse a unit that systemd starts by itself', async () => {
    set('enabled', 'enabled\n');
    expect(await bench.run('start')).toMatchObject(failed('systemctl disable --now app.service'));
    expect(bench.read('state')).toBe('inactive\n');
  });

  it('say why it did not start', async () => {
    set('broken');
    expect(await bench.run('start')).toMatchObject(failed('no such file config.json'));
  });

  it('kill one that does not stop', async () => {
    await bench.run('start');
    set('stuck');
    expect(await bench.run('stop')).toMatchObject({ code: 0, output: expect.stringContaining('is killed') as string });
  });
});

const postgresPrograms = (): string | null => {
  const root = '/usr/lib/postgresql';
  const version = existsSync(root)
    ? readdirSync(root).find((name) => existsSync(join(root, name, 'bin/pg_ctl')))
    : undefined;
  return version === undefined ? null : join(root, version, 'bin');
};

// With the real server, as root, since it runs as another user.
describe.skipIf(!isRoot || postgresPrograms() === null)('the scripts for PostgreSQL', () => {
  const bin = postgresPrograms() ?? '';
  let port: number;
  let data: string;
  beforeEach(async () => {
    port = await freePort();
    await bench.write(postgresql, { details: { port: String(port) } }, (text) =>
      text.replace(/patience=\d+/, 'patience=30'),
    );
    data = join(bench.directory, 'data');
    chmodSync(bench.folder, 0o755);
  });
  afterEach(async () => {
    await bench.run('stop');
    rmSync(`/var/log/postgresql/understudy-${bench.name}.log`, { force: true });
  });
  const create = (): void => {
    execFileSync('install', ['-d', '-o', 'postgres', '-g', 'postgres', '-m', '0700', data]);
    execFileSync('runuser', ['-u', 'postgres', '--', join(bin, 'initdb'), '--no-sync', '-D', data], {
      cwd: '/',
      stdio: 'ignore',
    });
  };
  const query = (sql: string): string =>
    execFileSync(
      'runuser',
      ['-u', 'postgres', '--', 'psql', '-h', '/run/postgresql', '-p', String(port), '-Atc', sql],
      {
        cwd: '/',
        encoding: 'utf8',
      },
    ).trim();

  it('refuse to start without a database: the right one may only be missing', async () => {
    expect(await bench.run('start')).toMatchObject(failed('holds no database'));
    expect(await bench.run('stop')).toMatchObject(ok);
  });

  it('start it, find it alive, and stop it in order', async () => {
    create();
    expect(await bench.run('check')).toMatchObject(failed('does not run'));
    // As after a crash of this host: its number may be anybody's now.
    writeFileSync(join(data, 'postmaster.pid'), `${process.pid}\n${data}\n`);
    expect(await bench.run('start')).toMatchObject(ok);
    expect(query('SELECT 6 * 7')).toBe('42');
    expect(await bench.run('check')).toMatchObject(ok);
    expect(await bench.run('start')).toMatchObject(failed('runs on'));
    expect(await bench.run('stop')).toMatchObject(ok);
    expect(await bench.run('check')).toMatchObject({ code: 1 });
    const control = execFileSync(join(bin, 'pg_controldata'), [data], { encoding: 'utf8' });
    expect(control).toMatch(/cluster state: +shut down\n/);
  });

  it('find it in a directory whose name would be a pattern', async () => {
    const directory = join(bench.folder, 'c++ (new)');
    mkdirSync(directory, { mode: 0o755 });
    await bench.write(postgresql, { directory, details: { port: String(port) } });
    data = join(directory, 'data');
    create();
    expect(await bench.run('start')).toMatchObject(ok);
    expect(await bench.run('check')).toMatchObject(ok);
    expect(await bench.run('stop')).toMatchObject(ok);
    expect(spawnSync('pgrep', ['-u', 'postgres', '-f', 'postgres -D .*new']).status).toBe(1);
  });

  it('end it when its data is not there any more', async () => {
    create();
    expect(await bench.run('start')).toMatchObject(ok);
    rmSync(join(data, 'PG_VERSION'));
    expect(await bench.run('stop')).toMatchObject({ code: 0, output: expect.stringContaining('is killed') as string });
    expect(spawnSync('pgrep', ['-u', 'postgres', '-f', `postgres -D ${data}`]).status).toBe(1);
  });
});
