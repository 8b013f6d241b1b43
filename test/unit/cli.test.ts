import {
  chmodSync,
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
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startApiServer } from '../../agent/api/apiServer.ts';
import type { ApiServer } from '../../agent/api/apiServer.ts';

import type { Io } from '../../agent/cli/io.ts';
import { runCommandLine } from '../../agent/cli/program.ts';
import type { FailbackStatus, LogEntry } from '../../schemas/generated/api.ts';
import { loadConfiguration } from '../../agent/config/configuration.ts';
import { makeEnrol } from '../../agent/runtime/enrol.ts';
import { ClientTokens } from '../../agent/security/clientTokens.ts';
import { loadIdentity } from '../../agent/security/identity.ts';
import { MemoryFacade, moduleStatus, replicaStatus, snapshotOf } from '../support/memoryFacade.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

let folder: string;
let ends: (() => unknown)[];
let port: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-cli-'));
  ends = [];
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  port = (probe.address() as AddressInfo).port;
  await new Promise((resolve) => probe.close(resolve));
});
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  rmSync(folder, { recursive: true, force: true });
});

async function understudy(args: readonly string[], extra: Partial<Io> = {}): Promise<Ran> {
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

const path = (...names: string[]): string => join(folder, ...names);
const read = (...names: string[]): string => readFileSync(path(...names), 'utf8');
const modeOf = (...names: string[]): number => statSync(path(...names)).mode & 0o777;

function writeCluster(): string {
  const file = path('site.cluster.jsonc');
  writeFileSync(
    file,
    `// our site
{ "name": "site", "networks": { "lan": {} },
  "hosts": { "alpha": { "lan": "127.0.0.1" }, "beta": { "lan": "127.0.0.2" }, "gamma": { "lan": "127.0.0.3" } },
  "arbiter": { "witness": "gamma" }, "ports": { "api": ${port}, "agent": ${port === 65535 ? 1024 : port + 1} } }
`,
  );
  return file;
}

const moduleText = (name: string, directory: string): string =>
  JSON.stringify({
    name,
    hosts: ['alpha', 'beta'],
    mirror: { directories: [directory] },
    server: { scripts: { start: ['/s'], stop: ['/t'] } },
  });

const folders = (host: string): string[] => [
  '--config',
  path(host, 'etc'),
  '--state',
  path(host, 'lib'),
  '--run',
  path(host, 'run'),
];
const config = (host: string): string[] => ['--config', path(host, 'etc')];

/** `understudy init` on alpha; returns the join tokens by host. */
async function init(extra: readonly string[] = []): Promise<Record<string, string>> {
  const ran = await understudy([
    'init',
    '--host',
    'alpha',
    '--cluster',
    writeCluster(),
    ...folders('alpha'),
    '--json',
    ...extra,
  ]);
  expect(ran).toMatchObject({ code: 0, err: '' });
  const { join: lines } = JSON.parse(ran.out) as { join: { host: string; token: string }[] };
  return Object.fromEntries(lines.map(({ host, token }) => [host, token]));
}

/** The API of alpha as the agent serves it, in front of a facade in memory. */
async function startAlpha(): Promise<{ facade: MemoryFacade; server: ApiServer }> {
  const loaded = await loadConfiguration(path('alpha', 'etc'));
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics));
  const { configuration } = loaded;
  const tokens = new ClientTokens(configuration.agent.stateDirectory);
  tokens.issueLocal();
  const facade = new MemoryFacade();
  const server = await startApiServer({
    facade,
    tokens,
    listen: ['127.0.0.1'],
    port: configuration.cluster.ports.api,
    identity: loadIdentity(configuration.directory, 'alpha'),
    enrol: makeEnrol(configuration),
    audit: () => undefined,
    internalError: (error) => {
      throw error;
    },
    warn: () => undefined,
  });
  ends.push(() => server.close());
  return { facade, server };
}

describe('understudy', () => {
  it('explains itself, with exit codes', async () => {
    const help = await understudy(['--help']);
    expect(help.code).toBe(0);
    expect(help.out).toMatch(/Exit codes:[\s\S]*4 {3}the agent cannot be reached/);
    for (const verb of [
      'status',
      'start',
      'stop',
      'switchover',
      'drain',
      'undrain',
      'maintenance',
      'force-primary',
      'fence',
      'resolve',
      'verify',
      'resync',
      'upgrade',
      'aside',
      'log',
      'validate',
      'apply',
      'versions',
      'diff',
      'restore',
      'init',
      'join',
      'language-server',
      'agent',
    ]) {
      const { code, out } = await understudy([verb, '--help']);
      expect(code).toBe(0);
      expect(out).toMatch(new RegExp(`Examples?:\\n +understudy ${verb}`));
    }
  });

  it.each([
    [['frobnicate']],
    [['start']],
    [['status', '--colour']],
    [['status', '--timeout', 'soon', '--server', 'x', '--token-file', '/nowhere']],
  ])('tells of wrong usage with exit code 2 or 1 and no stack: %j', async (args) => {
    const { code, err } = await understudy(args);
    expect([1, 2]).toContain(code);
    expect(err).not.toMatch(/\n {4}at /);
    expect(err).not.toBe('');
  });
});

describe('understudy validate', () => {
  it('says that all is well', async () => {
    const web = path('web.module.jsonc');
    writeFileSync(web, moduleText('web', '/srv/web'));
    expect(await understudy(['validate', writeCluster(), web])).toEqual({
      code: 0,
      out: '2 files valid, 0 warnings\n',
      err: '',
    });
    expect((await understudy(['validate', web])).out).toMatch(/hosts were not checked: give the cluster file too/);
  });

  it('tells every error with file, line, column, path, what is expected and the nearest word', async () => {
    const web = path('web.module.jsonc');
    writeFileSync(
      web,
      '{\n  "name": "web",\n  "hosts": ["alpha", "beat"],\n  "mirror": { "directories": ["/srv/web"], "acknowledgeTimeot": "1s" },\n  "server": { "scripts": { "start": ["/s"], "stop": ["/t"] } },\n  "failover": { "detection": "3 sec" }\n}\n',
    );
    const ran = await understudy(['validate', writeCluster(), web]);
    expect(ran.code).toBe(1);
    expect(ran.out.split('\n')).toEqual([
      `${web}:4:44: error: mirror.acknowledgeTimeot: the key "acknowledgeTimeot" is unknown here: expected one of directories, exclude, acknowledgeTimeout, directIo, onDiskError, processors; did you mean "acknowledgeTimeout"?`,
      `${web}:6:30: error: failover.detection: expected a duration such as "700ms", "3s", "10m" or "24h", found "3 sec"; did you mean "3s"?`,
      '2 errors, 0 warnings',
      '',
    ]);
  });

  it('checks files against one another, and prints JSON', async () => {
    writeFileSync(path('a.module.jsonc'), moduleText('web', '/srv/vm').replace('beta', 'beat'));
    writeFileSync(path('b.module.jsonc'), moduleText('web', '/srv/vm/db'));
    const ran = await understudy([
      'validate',
      '--json',
      writeCluster(),
      path('a.module.jsonc'),
      path('b.module.jsonc'),
    ]);
    expect(ran.code).toBe(1);
    const told = JSON.parse(ran.out) as {
      ok: boolean;
      errors: number;
      diagnostics: { code: string; file: string; suggestion: string | null; line: number }[];
    };
    expect(told.ok).toBe(false);
    expect(told.diagnostics.map(({ code }) => code).sort()).toEqual([
      'duplicate-name',
      'duplicate-name',
      'overlapping-directories',
      'overlapping-directories',
      'unknown-host',
    ]);
    expect(told.diagnostics.find(({ code }) => code === 'unknown-host')).toMatchObject({ suggestion: 'beta', line: 1 });
  });

  it.each([
    ['a missing file', 'gone.module.jsonc', null, /does not exist/],
    ['another name', 'web.json', '{}', /expected NAME\.module\.jsonc, NAME\.cluster\.jsonc or agent\.jsonc/],
    ['bytes that are no text', 'x.module.jsonc', Buffer.from([0x7b, 0xff, 0xfe]), /no UTF-8 text/],
    ['a file that is far too long', 'y.module.jsonc', Buffer.alloc(1024 * 1024 + 1, 32), /longer than 1 MiB/],
  ])('tells of %s with exit code 2', async (_name, file, content, message) => {
    if (content !== null) writeFileSync(path(file), content);
    const ran = await understudy(['validate', path(file)]);
    expect(ran.code).toBe(2);
    expect(ran.out).toMatch(message);
  });
});

describe('understudy init', () => {
  it('makes a cluster with secrets for root alone, and prints what to run elsewhere', async () => {
    const ran = await understudy(['init', '--host', 'alpha', '--cluster', writeCluster(), ...folders('alpha')]);
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(
      new RegExp(
        `on beta:\\n  understudy join --server 127\\.0\\.0\\.1:${port} --token beta\\.[\\w-]{43}\\.[\\w-]{43}\\n`,
      ),
    );
    expect(ran.out).toContain('on gamma:');
    for (const secret of ['ca.key', 'host.key']) expect(modeOf('alpha', 'etc', 'tls', secret)).toBe(0o600);
    expect(read('alpha', 'etc', 'site.cluster.jsonc')).toMatch(/^\/\/ our site/);
    const loaded = await loadConfiguration(path('alpha', 'etc'));
    expect(loaded).toMatchObject({
      ok: true,
      configuration: { agent: { host: 'alpha', stateDirectory: path('alpha', 'lib') } },
    });
  });

  it('writes the cluster file from options', async () => {
    const ran = await understudy([
      'init',
      '--host',
      'alpha',
      '--name',
      'site',
      '--witness',
      'gamma',
      '--address',
      'alpha=10.77.0.1',
      '--address',
      'alpha:link=10.78.0.1',
      '--address',
      'beta=10.77.0.2',
      '--address',
      'gamma=10.77.0.3',
      ...folders('alpha'),
    ]);
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(read('alpha', 'etc', 'site.cluster.jsonc'))).toMatchObject({
      arbiter: { witness: 'gamma' },
      hosts: { alpha: { lan: '10.77.0.1', link: '10.78.0.1' } },
    });
  });

  it('makes what an agent can start with, and be taken over with', async () => {
    await init();
    const offer = (): Promise<Ran> => understudy(['agent', '--can-take-over', ...config('alpha')]);
    expect(JSON.parse((await offer()).out)).toMatchObject({ host: 'alpha', cluster: 'site' });
    for (const secret of ['host.key', 'ca.key']) {
      chmodSync(path('alpha', 'etc', 'tls', secret), 0o640);
      expect(await offer()).toMatchObject({
        code: 1,
        err: expect.stringMatching(new RegExp(`${secret} has mode 0640.*chmod 600`)) as string,
      });
      chmodSync(path('alpha', 'etc', 'tls', secret), 0o600);
    }
  });

  it('never overwrites a cluster, unless told so, and then keeps it', async () => {
    await init();
    const before = read('alpha', 'etc', 'tls', 'ca.crt');
    const again = await understudy(['init', '--host', 'alpha', '--cluster', writeCluster(), ...folders('alpha')]);
    expect(again.code).toBe(3);
    expect(again.err).toMatch(/belongs to a cluster already.*nothing was changed.*--force/);
    expect(read('alpha', 'etc', 'tls', 'ca.crt')).toBe(before);
    const secret = (await understudy(['token', 'create', '--name', 'laptop', ...config('alpha')])).out.trim();
    await init(['--force']);
    expect(new ClientTokens(path('alpha', 'lib')).authenticate(secret)).toBeNull();
    expect(read('alpha', 'etc', 'tls', 'ca.crt')).not.toBe(before);
    const backup = readdirSync(path('alpha')).find((name) => name.startsWith('etc.backup-'));
    expect(read('alpha', backup ?? '', 'tls', 'ca.crt')).toBe(before);
  });

  it.each([
    [
      'a host that is not in the file',
      ['--host', 'alpah'],
      1,
      /"alpah" is no host of site\.cluster\.jsonc.*did you mean "alpha"\?/,
    ],
    ['neither file nor name', null, 2, /cluster file is missing/],
  ])('refuses %s and leaves no trace', async (_name, host, code, message) => {
    const args = host === null ? ['--host', 'alpha'] : [...host, '--cluster', writeCluster()];
    const ran = await understudy(['init', ...args, ...folders('alpha')]);
    expect(ran.code).toBe(code);
    expect(ran.err).toMatch(message);
    expect(existsSync(path('alpha'))).toBe(false);
  });

  it('refuses a broken cluster file with its diagnostics', async () => {
    const file = path('bad.cluster.jsonc');
    writeFileSync(file, '{ "name": "site" }');
    const ran = await understudy(['init', '--host', 'alpha', '--cluster', file, ...folders('alpha')]);
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(/bad\.cluster\.jsonc:1:1: error: hosts: the key "hosts" is missing/);
    expect(existsSync(path('alpha'))).toBe(false);
  });
});

describe('understudy join', () => {
  const join2 = (token: string, extra: readonly string[] = []): Promise<Ran> =>
    understudy(['join', '--server', `127.0.0.1:${port}`, '--token', token, ...folders('beta'), ...extra]);

  it('brings certificate, cluster file, modules and tokens, once', async () => {
    const tokens = await init();
    writeFileSync(path('alpha', 'etc', 'modules', 'web.module.jsonc'), moduleText('web', '/srv/web'));
    await startAlpha();
    const secret = (
      await understudy(['token', 'create', '--name', 'laptop', '--role', 'operator', ...config('alpha')])
    ).out.trim();
    const joined = await join2(tokens['beta'] ?? '');
    expect(joined).toMatchObject({ code: 0, err: '' });
    expect(loadIdentity(path('beta', 'etc'), 'beta').authority).toBe(
      loadIdentity(path('alpha', 'etc'), 'alpha').authority,
    );
    expect(modeOf('beta', 'etc', 'tls', 'host.key')).toBe(0o600);
    expect(existsSync(path('beta', 'etc', 'tls', 'ca.key'))).toBe(false);
    expect(read('beta', 'etc', 'site.cluster.jsonc')).toBe(read('alpha', 'etc', 'site.cluster.jsonc'));
    const loaded = await loadConfiguration(path('beta', 'etc'));
    expect(loaded).toMatchObject({ ok: true, configuration: { self: { name: 'beta' }, modules: [{ name: 'web' }] } });
    expect(new ClientTokens(path('beta', 'lib')).authenticate(secret)).toEqual({ name: 'laptop', role: 'operator' });

    rmSync(path('beta'), { recursive: true });
    const again = await join2(tokens['beta'] ?? '');
    expect(again.code).toBe(3);
    expect(again.err).toMatch(/used already.*token join --host beta/);
    expect(existsSync(path('beta'))).toBe(false);

    const renewed = JSON.parse(
      (await understudy(['token', 'join', '--host', 'beta', '--json', ...config('alpha')])).out,
    ) as { token: string };
    expect((await join2(renewed.token)).code).toBe(0);
    const third = await join2(renewed.token);
    expect(third).toMatchObject({ code: 3, err: expect.stringMatching(/belongs to a cluster already/) as string });
  });

  it('refuses what is not the cluster that the token is for, before it shows the token', async () => {
    const tokens = await init();
    await startAlpha();
    const [host, secret, authority = ''] = (tokens['beta'] ?? '').split('.');
    const wrong = `${host}.${secret}.${authority.startsWith('A') ? 'B' : 'A'}${authority.slice(1)}`;
    expect(await join2(wrong)).toMatchObject({
      code: 3,
      err: expect.stringMatching(/is not of the cluster that the token is for: nothing was sent/) as string,
    });
    // The token was not used up by it.
    expect((await join2(tokens['beta'] ?? '')).code).toBe(0);
  });

  it('lets one of two hosts in that use the same token at the same moment', async () => {
    const tokens = await init();
    await startAlpha();
    const attempt = (name: string): Promise<Ran> =>
      understudy(['join', '--server', `127.0.0.1:${port}`, '--token', tokens['beta'] ?? '', ...folders(name)]);
    const codes = await Promise.all(['b1', 'b2', 'b3'].map(attempt));
    expect(codes.map(({ code }) => code).sort()).toEqual([0, 3, 3]);
  });

  it('renews nothing but the certificate of a host, and names it where joining is refused', async () => {
    const tokens = await init();
    await startAlpha();
    const newToken = async (host: string): Promise<string> => {
      const ran = await understudy(['token', 'join', '--host', host, '--json', ...config('alpha')]);
      return (JSON.parse(ran.out) as { token: string }).token;
    };
    const renew = (token: string, extra: readonly string[] = []): Promise<Ran> =>
      understudy(['join', '--server', `127.0.0.1:${port}`, '--token', token, ...config('beta'), '--renew', ...extra]);
    expect(await renew(tokens['beta'] ?? '')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/understudy join/) as string,
    });
    expect((await join2(tokens['beta'] ?? '')).code).toBe(0);
    expect((await join2(await newToken('beta'))).err).toMatch(/belongs to a cluster already.*join --renew/);
    writeFileSync(path('beta', 'etc', 'agent.jsonc'), `// ours\n${read('beta', 'etc', 'agent.jsonc')}`);
    const [agentFile, before] = [read('beta', 'etc', 'agent.jsonc'), loadIdentity(path('beta', 'etc'), 'beta')];

    expect(await renew(await newToken('gamma'))).toMatchObject({
      code: 3,
      err: expect.stringMatching(/for the host gamma, and this host is beta .*nothing was changed/) as string,
    });
    expect((await renew(await newToken('beta'), ['--force'])).code).toBe(2);
    // The one that was made must still be good.
    const renewed = await renew(await newToken('beta'));
    expect(renewed).toMatchObject({ code: 0, err: '' });
    expect(renewed.out).toMatch(/beta has a new certificate in the cluster site, good until 20\d\d-\d\d-\d\d\./);
    const after = loadIdentity(path('beta', 'etc'), 'beta');
    expect(after.certificate).not.toBe(before.certificate);
    expect(after.key).not.toBe(before.key);
    expect(read('beta', 'etc', 'agent.jsonc')).toBe(agentFile);
    expect(readdirSync(path())).not.toContainEqual(expect.stringContaining('backup'));
    expect(readdirSync(path('beta'))).not.toContainEqual(expect.stringContaining('backup'));

    // With files of tls/ that are damaged, too; but not from another cluster.
    writeFileSync(path('beta', 'etc', 'tls', 'ca.crt'), 'rubbish');
    expect((await renew(await newToken('beta'))).code).toBe(0);
    expect(loadIdentity(path('beta', 'etc'), 'beta').authority).toBe(after.authority);
    const [host, secret, authority = ''] = (await newToken('beta')).split('.');
    const other = `${host}.${secret}.${authority.startsWith('A') ? 'B' : 'A'}${authority.slice(1)}`;
    expect(await renew(other)).toMatchObject({
      code: 3,
      err: expect.stringMatching(/for another cluster .*nothing was changed/) as string,
    });
  });

  it('does not take the key of the authority away from the host that certifies the others', async () => {
    await init();
    await startAlpha();
    const made = await understudy(['token', 'join', '--host', 'alpha', '--json', ...config('alpha')]);
    const { token } = JSON.parse(made.out) as { token: string };
    const server = ['--server', `127.0.0.1:${port}`, '--token', token];
    expect(await understudy(['join', ...server, ...folders('alpha'), '--force'])).toMatchObject({
      code: 3,
      err: expect.stringMatching(/certifies its hosts .*nothing was changed/) as string,
    });
    expect(existsSync(path('alpha', 'etc', 'tls', 'ca.key'))).toBe(true);
  });

  it('refuses each other mistake with one clear error', async () => {
    const tokens = await init();
    const beta = tokens['beta'] ?? '';
    expect(await join2(beta)).toMatchObject({
      code: 4,
      err: expect.stringMatching(
        /no way to the agent at 127\.0\.0\.1:\d+ \(ECONNREFUSED\): is the agent running there\?/,
      ) as string,
    });
    await startAlpha();
    expect(await join2('rubbish')).toMatchObject({ code: 1, err: expect.stringMatching(/no join token/) as string });
    expect(await join2(beta, ['--host', 'gamma'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/token is for the host beta, not for gamma/) as string,
    });
    const [, secret, authority] = beta.split('.');
    expect(await join2(`gamma.${secret}.${authority}`)).toMatchObject({
      code: 3,
      err: expect.stringMatching(/for the host beta, not for gamma/) as string,
    });
    expect(await join2(`beta.${'x'.repeat(43)}.${authority}`)).toMatchObject({
      code: 3,
      err: expect.stringMatching(/unknown here/) as string,
    });
    expect(existsSync(path('beta'))).toBe(false);
  });
});

describe('understudy token', () => {
  it('makes, lists and revokes', async () => {
    await init();
    const made = await understudy(['token', 'create', '--name', 'laptop', '--role', 'operator', ...config('alpha')]);
    expect(made.out).toMatch(/^[\w-]{43}\n$/);
    expect(made.err).toMatch(/([0-9A-F]{2}:){31}[0-9A-F]{2}/);
    expect((await understudy(['token', 'create', '--name', 'laptop', ...config('alpha')])).err).toMatch(
      /already a token "laptop"/,
    );
    expect(
      (await understudy(['token', 'create', '--name', 'x', '--role', 'operater', ...config('alpha')])).err,
    ).toMatch(/did you mean "operator"\?/);
    const list = await understudy(['token', 'list', ...config('alpha')]);
    expect(list.out).toMatch(/^laptop +operator +created/);
    expect(list.out).toMatch(/beta +join +expires/);
    expect((await understudy(['token', 'revoke', 'laptop', ...config('alpha')])).code).toBe(0);
    expect(await understudy(['token', 'revoke', 'laptop', ...config('alpha')])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/no token "laptop"/) as string,
    });
    const file = path('token');
    await understudy(['token', 'create', '--name', 'desk', '--output', file, ...config('alpha')]);
    expect(modeOf('token')).toBe(0o600);
  });
});

describe('with an agent', () => {
  let facade: MemoryFacade;
  beforeEach(async () => {
    await init();
    ({ facade } = await startAlpha());
  });
  const local = (args: readonly string[], extra: Partial<Io> = {}): Promise<Ran> =>
    understudy([...args, ...config('alpha')], extra);

  it('status shows hosts, networks, arbiter, and modules with both replicas', async () => {
    facade.state = snapshotOf([
      moduleStatus('web', {
        onHosts: [
          replicaStatus('alpha', 'ALONE', {
            resync: {
              kind: 'delta',
              cause: 'beta was away since epoch 6',
              toCheck: 1 << 30,
              checked: 1 << 28,
              sent: 3_000_000,
              rate: 104_857_600,
              sentRate: 1_048_576,
              bandwidth: 'adaptive',
              secondsLeft: 75,
            },
          }),
          replicaStatus('beta', 'WAIT', { known: false, ageMs: 12_300, reason: 'waits for the primary' }),
        ],
        inSync: ['alpha'],
        lastFailover: {
          kind: 'failover',
          at: '2026-11-22T11:00:00.000Z',
          from: 'beta',
          to: 'alpha',
          cause: 'beta is silent',
          durationMs: 3400,
          epoch: 7,
        },
        warnings: ['the pair is not whole'],
      }),
    ]);
    const { code, out } = await local(['status']);
    expect(code).toBe(0);
    expect(out).toMatch(/arbiter: witness gamma, reachable/);
    expect(out).toMatch(/beta +host +yes +0\.1\.0 +lan 10\.77\.0\.2 up 0\.41 ms, link 10\.78\.0\.2 DOWN/);
    expect(out).toMatch(/gamma +witness +no, never seen/);
    expect(out).toMatch(/module web {2}wanted started · epoch 7 · in sync alpha/);
    expect(out).toMatch(/alpha ▶ +ALONE +ready +server running/);
    expect(out).toMatch(/beta +WAIT\? +ready .*not reachable, known 12 s ago: waits for the primary/);
    expect(out).toMatch(
      /delta resync from alpha: 25 %, 256 MiB of 1\.00 GiB compared, 768 MiB to go, 2\.86 MiB sent, 100 MiB\/s compared, 1\.00 MiB\/s sent, 1 min 15 s left, bandwidth adaptive \(beta was away/,
    );
    expect(out).toMatch(/last failover: beta → alpha at .*3\.4 s \(beta is silent\)/);
    expect(out).toMatch(/warning: the pair is not whole/);

    expect(out).not.toMatch(/\u001b/);
    expect((await local(['status'], { hasColour: true })).out).toContain('\u001b[33mALONE\u001b[0m');
    expect(JSON.parse((await local(['status', '--json'])).out)).toEqual(facade.state);
    expect(await local(['status', 'wbe'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/no module "wbe".*did you mean "web"\?/) as string,
    });
  });

  it('status tells where each virtual address is', async () => {
    const held = (host: string, addresses: string[]) =>
      replicaStatus(host, 'PRIM', {
        virtualAddresses: addresses.map((address) => ({ address, interface: 'br0' })),
      });
    facade.state = snapshotOf([
      moduleStatus('web', {
        virtualAddresses: ['10.77.0.100', 'fd00::100', '10.77.0.101'],
        onHosts: [held('alpha', ['10.77.0.100', 'fd00::100']), { ...held('beta', ['10.77.0.101']), known: false }],
      }),
    ]);
    const { out } = await local(['status']);
    expect(out).toContain('address 10.77.0.100 on alpha (br0)\n');
    expect(out).toContain('address fd00::100 on alpha (br0)\n');
    expect(out).toContain('address 10.77.0.101 not set\n');
  });

  it('status --watch follows what changes and ends with Ctrl-C', async () => {
    const user = new AbortController();
    let out = '';
    const ran = local(['status', '--watch', '--json'], { signal: user.signal, stdout: (text) => (out += text) });
    const lines = (): { revision: number }[] =>
      out
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { revision: number });
    await expect.poll(() => lines().length).toBe(1);
    facade.change([moduleStatus('web', { primary: 'beta' })]);
    await expect.poll(() => lines().at(-1)).toMatchObject({ revision: 2, modules: [{ primary: 'beta' }] });
    user.abort();
    expect((await ran).code).toBe(0);
    await expect.poll(() => facade.listeners).toBe(0);
  });

  it('status --watch of a module ends with an error when the module is removed', async () => {
    const ran = local(['status', 'web', '--watch', '--json']);
    await expect.poll(() => facade.listeners).toBe(1);
    facade.remove('web');
    expect(await ran).toMatchObject({ code: 2, out: expect.stringMatching(/There is no module \\"web\\"/) as string });
    await expect.poll(() => facade.listeners).toBe(0);
  });

  it('status --watch redraws a terminal in place and leaves it as it was', async () => {
    const user = new AbortController();
    let out = '';
    const ran = local(['status', '--watch'], {
      signal: user.signal,
      isTerminal: true,
      stdout: (text) => (out += text),
    });
    await expect.poll(() => out).toContain('\u001b[H');
    user.abort();
    expect((await ran).code).toBe(0);
    expect(out).toContain('\u001b[?1049l');
  });

  it('start, stop and switchover say what became of them', async () => {
    expect(await local(['start', 'web'])).toEqual({ code: 0, out: 'start web done (0.0 s)\n', err: '' });
    expect(JSON.parse((await local(['switchover', 'web', '--to', 'beta', '--json'])).out)).toEqual({
      ok: true,
      durationMs: 5,
      message: 'switchover web to beta done',
    });
    facade.answer = () => ({
      ok: false,
      refusal: { code: 'BUSY', reason: 'web is being promoted: try again.', numbers: { epoch: 8 } },
    });
    expect(await local(['stop', 'web'])).toEqual({
      code: 3,
      out: '',
      err: 'understudy: web is being promoted: try again.\n',
    });
    expect(JSON.parse((await local(['stop', 'web', '--json'])).out)).toEqual({
      ok: false,
      error: { code: 'BUSY', reason: 'web is being promoted: try again.', numbers: { epoch: 8 } },
    });
    expect(facade.commands).toEqual([
      'local: start web',
      'local: switchover web to beta',
      'local: stop web',
      'local: stop web',
    ]);
  });

  it('upgrade waits for what the new agent says of it', async () => {
    const told = (fields: Record<string, string | number>): LogEntry => ({
      time: '2026-11-22T12:00:00.000Z',
      host: 'alpha',
      module: null,
      level: 'info',
      code: 'AGENT_UPGRADED',
      message: 'agent 0.2.0 took over from agent 0.1.0 in 900 ms; web went on without a restart',
      fields,
    });
    facade.entries.push(told({ upgrade: 'an earlier one' }));
    setTimeout(() => facade.entries.push(told({ upgrade: 'upgrade-1', lost: 0 })), 300);
    expect(await local(['upgrade'])).toEqual({
      code: 0,
      out: 'agent 0.2.0 took over from agent 0.1.0 in 900 ms; web went on without a restart\n',
      err: 'upgrade done\n',
    });
    facade.entries.push({
      ...told({ upgrade: 'upgrade-1' }),
      level: 'error',
      code: 'UPGRADE_FAILED',
      message: 'it goes on',
    });
    facade.entries.splice(0, 2);
    expect(await local(['upgrade'])).toMatchObject({ code: 3, out: 'it goes on\n' });
    expect(await local(['upgrade', '--check'])).toEqual({ code: 0, out: 'look at the upgrade done\n', err: '' });
    facade.answer = () => ({ ok: false, refusal: { code: 'BUSY', reason: 'web is bringing beta up to date.' } });
    expect(await local(['upgrade'])).toMatchObject({ code: 3, err: 'understudy: web is bringing beta up to date.\n' });
  });

  it('gives up waiting with exit code 5', async () => {
    facade.answer = () => new Promise(() => undefined);
    expect(await local(['start', 'web', '--timeout', '0.05'])).toMatchObject({
      code: 5,
      err: expect.stringMatching(/did not answer module\.start within 0\.05 s/) as string,
    });
  });

  it('is left with Ctrl-C while it waits', async () => {
    const user = new AbortController();
    facade.answer = () => new Promise(() => user.abort());
    expect(await local(['start', 'web'], { signal: user.signal })).toMatchObject({
      code: 130,
      err: expect.stringMatching(/agent goes on with what it was asked/) as string,
    });
  });

  it('resolve says what happens to both histories, and asks for the name of the module', async () => {
    const diverged = { since: 2, epoch: 3, from: 'beta', fromEpoch: 4 };
    const onHosts = [{ ...replicaStatus('alpha', 'WAIT'), diverged }, replicaStatus('beta', 'ALONE')];
    facade.state = snapshotOf([moduleStatus('web', { onHosts, primary: 'beta' })]);
    expect((await local(['status'])).out).toMatch(/alpha +WAIT +diverged/);

    const args = ['resolve', 'web', '--keep', 'alpha'];
    const unasked = await local(args);
    expect(unasked.code).toBe(2);
    expect(unasked.err).toContain('confirm it with --yes');
    const asked = await local(args, { isInteractive: true, ask: () => Promise.resolve('webb') });
    expect(asked.code).toBe(3);
    expect(asked.err).toContain('Kept: alpha (epoch 3). Put aside: what beta holds (epoch 4), in a folder on beta.');
    expect(asked.err).toContain('The server is stopped on beta, started on alpha');
    expect(facade.commands).toEqual([]);

    expect((await local(args, { isInteractive: true, ask: () => Promise.resolve('web') })).code).toBe(0);
    const other = ['resolve', 'web', '--keep', 'beta'];
    const kept = await local(other, { isInteractive: true, ask: () => Promise.resolve('') });
    expect(kept.err).toContain('Kept: beta (epoch 4). Put aside: what alpha holds (epoch 3), in a folder on alpha.');
    expect((await local([...other, '--yes'])).code).toBe(0);
    expect(facade.commands).toEqual(['local: resolve web keeping alpha', 'local: resolve web keeping beta']);
  });

  it('verify waits for the end, tells what differs, and is stopped', async () => {
    const end = (total: number) => {
      const lastVerify = {
        ...{
          at: `2026-01-01T00:00:0${total}Z`,
          host: 'alpha',
          by: 'local',
          outcome: 'complete' as const,
          reason: null,
        },
        ...{ names: 12, checked: 4096, durationMs: 1500, total },
        differences: [{ path: 'disk', what: 'content' as const, detail: '4096 bytes at 8192' }].slice(0, total),
      };
      facade.answer = () => {
        facade.change([moduleStatus('web', { lastVerify })]);
        return { ok: true, result: { durationMs: 5, message: 'begun' } };
      };
    };
    end(0);
    const clean = await local(['verify', 'web']);
    expect(clean).toMatchObject({ code: 0, out: 'no differences, 12 names and 4.00 KiB compared in 1.5 s\n' });
    end(1);
    const dirty = await local(['verify', 'web', '--bandwidth', '100MiB/s']);
    expect(dirty.code).toBe(3);
    expect(dirty.out).toContain('  disk: content, 4096 bytes at 8192\nNothing was changed on either host.\n');
    expect((await local(['status'])).out).toContain('last verify: 2026-01-01T00:00:01Z, 1 difference, 12 names');
    expect((await local(['verify', 'web', '--stop'])).code).toBe(0);
    expect((await local(['verify', 'web', '--bandwidth', 'fast'])).code).toBe(2);
    expect(facade.commands).toEqual([
      'local: verify web at the rate of its file',
      'local: verify web at 104857600',
      'local: stop the verify of web',
    ]);
  });

  it('verify --repair names what it overwrites, asks, and tells what came of it', async () => {
    const found = (total: number, at: string, phase: 'checked' | null) => ({
      ...{ at, host: 'alpha', by: 'local', outcome: 'complete' as const, reason: null },
      ...{ names: 12, checked: 4096, durationMs: 1500, total },
      differences: [{ path: 'disk', what: 'content' as const, detail: '4096 bytes at 8192' }].slice(0, total),
      ...(phase && { repair: { at, by: 'ann', host: 'beta', differences: 1, phase } }),
    });
    let second = 0;
    facade.answer = (command) => {
      const at = `2026-01-01T00:00:${String(second++).padStart(2, '0')}Z`;
      const isRepair = command.startsWith('repair');
      const lastVerify = isRepair ? found(0, at, 'checked') : found(1, at, null);
      facade.change([moduleStatus('web', { lastVerify })]);
      return { ok: true, result: { durationMs: 5, message: isRepair ? 'being repaired' : 'begun' } };
    };
    const args = ['verify', 'web', '--repair'];
    const unasked = await local(args);
    expect(unasked).toMatchObject({ code: 2, err: expect.stringContaining('confirm it with --yes') as string });
    expect(facade.commands).toEqual([]);
    const refused = await local(args, { isInteractive: true, ask: () => Promise.resolve('yes') });
    expect(refused.code).toBe(3);
    expect(refused.err).toContain('disk: content, 4096 bytes at 8192');
    expect(refused.err).toContain(
      '1 difference of web: what differs on beta will be OVERWRITTEN with what alpha holds',
    );
    expect(refused.err).toContain('Nothing was done: expected the name "web"');
    expect(facade.commands).toEqual(['local: verify web at the rate of its file']);

    const confirmed = await local(args, { isInteractive: true, ask: () => Promise.resolve('web') });
    expect(confirmed.code).toBe(0);
    expect(confirmed.out).toContain('no differences');
    expect(confirmed.out).toContain('after the repair of 1 difference on beta that ann asked for');
    expect((await local([...args, '--yes', '--json'])).code).toBe(0);
    expect(facade.commands.at(-1)).toBe('local: repair web as verified at 2026-01-01T00:00:03Z');
    expect((await local(['status'])).out).toContain('after a repair: no differences');
  });

  it('status shows a verify as it goes', async () => {
    const verify = {
      ...{ startedAt: '2026-01-01T00:00:00Z', names: 7, toCheck: 2048, checked: 1024, differences: 0 },
      ...{ rate: 512, secondsLeft: 2 },
    };
    facade.state = snapshotOf([moduleStatus('web', { onHosts: [replicaStatus('alpha', 'PRIM', { verify })] })]);
    expect((await local(['status'])).out).toContain(
      'verify: 7 names, 1.00 KiB of 2.00 KiB compared, 512 B/s, 2 s left, no differences',
    );
  });

  it('status tells when a module goes back to its preferred host, or what that waits for', async () => {
    const onBeta = (failback: FailbackStatus) =>
      snapshotOf([
        moduleStatus('web', {
          primary: 'beta',
          onHosts: [replicaStatus('alpha', 'SECOND'), replicaStatus('beta', 'PRIM', { failback })],
        }),
      ]);
    facade.state = onBeta({ to: 'alpha', at: '2026-11-23T02:00:00.000Z', waitsFor: 'the window daily 02:00-05:00' });
    expect((await local(['status'])).out).toContain(
      'failback to alpha at 2026-11-23T02:00:00.000Z, as it waits for: the window daily 02:00-05:00\n',
    );
    facade.state = onBeta({ to: 'alpha', at: null, waitsFor: 'alpha to be in sync' });
    expect((await local(['status'])).out).toContain('failback to alpha waits for: alpha to be in sync\n');
  });

  it('drain tells of each module that leaves the host, and status shows a host that is drained', async () => {
    facade.answer = (command) => {
      facade.change([
        moduleStatus('web', {
          primary: 'beta',
          onHosts: [replicaStatus('alpha', 'SECOND'), replicaStatus('beta', 'PRIM')],
        }),
      ]);
      return { ok: true, result: { durationMs: 5, message: `${command} done` } };
    };
    const drained = await local(['drain', 'alpha']);
    expect(drained).toMatchObject({ code: 0, err: '' });
    expect(drained.out).toBe('web: runs on beta\ndrain alpha done (0.0 s)\n');
    expect((await local(['undrain', 'alpha', '--json'])).code).toBe(0);
    expect(facade.commands).toEqual(['local: drain alpha', 'local: undrain alpha']);
    expect((await local(['status'])).out).not.toContain('DRAIN');
    facade.state = snapshotOf();
    facade.state = { ...facade.state, hosts: facade.state.hosts.map((host) => ({ ...host, drain: 'drained' })) };
    expect((await local(['status'])).out).toMatch(/HOST +ROLE +DRAIN[\s\S]*alpha \* +host +drained +yes/);
  });

  it('fence asks for the name of the host, and only looks with --test; status shows whether it could be done', async () => {
    expect(await local(['fence', 'alpha', '--test'])).toMatchObject({ code: 0, err: '' });
    const unconfirmed = await local(['fence', 'alpha']);
    expect(unconfirmed).toMatchObject({ code: 2 });
    expect(unconfirmed.err).toContain('This resets alpha, whatever runs there: confirm it with --confirm alpha');
    const wrong = await local(['fence', 'alpha', '--confirm', 'beta']);
    expect(wrong.err).toContain('Nothing was done: expected the name "alpha" as confirmation, found "beta"');
    expect(facade.commands).toEqual(['local: testFence alpha']);
    expect(await local(['fence', 'alpha', '--confirm', 'alpha'])).toMatchObject({ code: 0, err: '' });
    expect(facade.commands).toEqual(['local: testFence alpha', 'local: fence alpha confirmed by alpha']);
    expect((await local(['status'])).out).not.toContain('FENCING');
    const fence = { answers: false, lookedAt: null, reason: 'no answer', lastFenced: null };
    const hosts = facade.state.hosts.map((host) => (host.name === 'beta' ? { ...host, fence } : host));
    facade.state = { ...facade.state, hosts };
    expect((await local(['status'])).out).toMatch(/REACHABLE +FENCING[\s\S]*alpha \* .* - [\s\S]*beta .*NO ANSWER/);
  });

  it('start --anyway starts what is held back, and status shows what hosts carry', async () => {
    expect((await local(['start', 'web'])).code).toBe(0);
    expect((await local(['start', 'web', '--anyway'])).code).toBe(0);
    expect(facade.commands).toEqual(['local: start web', 'local: start web anyway']);
    expect((await local(['status'])).out).not.toContain('LOAD');
    const GiB = 2 ** 30;
    const load = { cpu: 2.5, memory: 6 * GiB, cpuCapacity: 4, memoryCapacity: 5.5 * GiB };
    const { hosts } = facade.state;
    facade.state = {
      ...facade.state,
      hosts: hosts.map((host, index) => ({ ...host, load: index === 0 ? load : null })),
    };
    expect((await local(['status'])).out).toMatch(
      /HOST +ROLE +LOAD[\s\S]*alpha \* +host +2\.5 of 4 processors, 6 GiB of 5\.5 GiB memory +yes[\s\S]*beta +host +- +/,
    );
  });

  it('maintenance begins for a time and ends, and status shows how long it still takes', async () => {
    const begun = await local(['maintenance', 'web', '--for', '2h', '--reason', 'new switch']);
    expect(begun).toMatchObject({ code: 0, err: '' });
    expect((await local(['maintenance', 'web', '--end'])).code).toBe(0);
    for (const args of [
      [],
      ['--for', 'soon'],
      ['--for', '31d'],
      ['--for', '1h', '--end'],
      ['--end', '--reason', 'x'],
    ]) {
      expect((await local(['maintenance', 'web', ...args])).code).toBe(2);
    }
    expect(facade.commands).toEqual([
      'local: maintain web for 7200000 ms: new switch',
      'local: end the maintenance of web',
    ]);
    const maintenance = { until: '2026-11-22T13:30:00.000Z', reason: 'new switch', by: 'ann' };
    facade.state = snapshotOf([moduleStatus('web', { maintenance })]);
    expect((await local(['status'])).out).toContain(
      'MAINTENANCE until 2026-11-22T13:30:00.000Z, 1 h 30 min left, neither restarted nor taken over by itself: new switch (ann)',
    );
  });

  it('status shows how the checks of a server stand', async () => {
    const since = '2026-01-01T00:00:00Z';
    const checks = [
      {
        name: 'tcp 10.0.0.50:80',
        state: 'failed' as const,
        since,
        error: 'connection\nrefused',
        onFailure: 'restart' as const,
      },
      { name: 'website', state: 'well' as const, since, error: null, onFailure: 'report' as const },
    ];
    const conditions = [{ name: 'gateway', state: 'failing' as const, since, error: 'no answer' }];
    const onHosts = [replicaStatus('alpha', 'PRIM', { checks }), replicaStatus('beta', 'SECOND', { conditions })];
    facade.state = snapshotOf([moduleStatus('web', { onHosts })]);
    const { out } = await local(['status']);
    expect(out).toMatch(/^ {2}check tcp 10\.0\.0\.50:80: failed since 2026-01-01T00:00:00Z \(connection.refused\)$/m);
    expect(out).toContain('  check website: well since 2026-01-01T00:00:00Z\n');
    expect(out).toContain('  condition gateway on beta: failing since 2026-01-01T00:00:00Z (no answer)\n');
  });

  it('resync is paused only after the name was typed, goes on, and takes another bandwidth', async () => {
    const pause = ['resync', 'web', '--pause'];
    expect(await local(pause)).toMatchObject({
      code: 2,
      err: expect.stringContaining('confirm it with --yes') as string,
    });
    const refused = await local(pause, { isInteractive: true, ask: () => Promise.resolve('yes') });
    expect(refused.code).toBe(3);
    expect(refused.err).toContain('runs on alpha WITHOUT a second replica: beta is not in sync');
    expect(facade.commands).toEqual([]);
    expect((await local(pause, { isInteractive: true, ask: () => Promise.resolve('web') })).code).toBe(0);
    expect((await local([...pause, '--yes'])).code).toBe(0);
    expect((await local(['resync', 'web', '--resume', '--bandwidth', '20MiB/s'])).code).toBe(0);
    expect((await local(['resync', 'web', '--bandwidth', 'unlimited'])).code).toBe(0);
    for (const args of [[], ['--pause', '--resume'], ['--pause', '--bandwidth', '1MiB/s'], ['--bandwidth', 'fast']]) {
      expect((await local(['resync', 'web', ...args])).code).toBe(2);
    }
    expect(facade.commands).toEqual([
      'local: pause the resync of web',
      'local: pause the resync of web',
      'local: resume the resync of web at 20971520',
      'local: pace the resync of web at any rate',
    ]);
  });

  it('status tells of a resync that is paused, and of a last state that is not kept', async () => {
    const resync = {
      ...{ kind: 'full' as const, cause: 'beta holds no data of the module yet', toCheck: 4096, checked: 1024 },
      ...{ sent: 512, holes: 256, rate: 0, sentRate: 0, bandwidth: 1_048_576, secondsLeft: null },
    };
    const resyncPaused = { at: '2026-01-01T00:00:00Z', by: 'ann (operator) from 10.0.0.1' };
    const undoLost = 'more than 1 GiB would have to be kept';
    facade.state = snapshotOf([
      moduleStatus('web', {
        onHosts: [
          replicaStatus('alpha', 'ALONE', { resync, resyncPaused }),
          replicaStatus('beta', 'SECOND', { undoLost }),
        ],
      }),
    ]);
    const { out } = await local(['status']);
    expect(out).toContain(
      'full resync from alpha: 25 %, 1.00 KiB of 4.00 KiB compared (256 B in holes), 3.00 KiB to go, 512 B sent, bandwidth 1.00 MiB/s (beta holds no',
    );
    expect(out).toContain(
      'resync PAUSED since 2026-01-01T00:00:00Z by ann (operator) from 10.0.0.1: beta is not in sync until `understudy resync web --resume`',
    );
    expect(out).toContain('what beta was before this resync is not kept: more than 1 GiB would have to be kept');
  });

  it('force-primary asks for the name of the module', async () => {
    const args = ['force-primary', 'web', '--host', 'beta'];
    expect(await local(args)).toMatchObject({ code: 2, err: expect.stringMatching(/--confirm web/) as string });
    expect((await local([...args, '--confirm', 'yes'])).code).toBe(3);
    expect((await local(args, { isInteractive: true, ask: () => Promise.resolve('y') })).code).toBe(3);
    expect(facade.commands).toEqual([]);
    expect((await local(args, { isInteractive: true, ask: () => Promise.resolve(' web ') })).code).toBe(0);
    expect((await local([...args, '--confirm', 'web'])).code).toBe(0);
    expect(facade.commands).toEqual(['local: force web on beta', 'local: force web on beta']);
  });

  it('apply, versions, diff and restore change files as versions', async () => {
    const file = path('web.module.jsonc');
    writeFileSync(file, '{\n  "name": "web",\n  "checks": []\n}\n');
    expect(await local(['apply'])).toMatchObject({ code: 2, err: expect.stringMatching(/Name the files/) as string });
    expect((await local(['apply', path('alpha', 'etc', 'agent.jsonc')])).err).toMatch(/agent.jsonc is of one host/);
    const twice = { code: 2, err: expect.stringMatching(/web\.module\.jsonc is named twice/) as string };
    writeFileSync(path('alpha', 'web.module.jsonc'), '{}');
    expect(await local(['apply', file, path('alpha', 'web.module.jsonc')])).toMatchObject(twice);
    expect(await local(['apply', file, '--remove', 'web.module.jsonc'])).toMatchObject(twice);
    const dry = await local(['apply', file, '--dry-run']);
    expect(dry).toMatchObject({ code: 0, out: expect.stringMatching(/could run by these files/) as string });
    facade.files.problems = ['alpha', 'beta'].map((host) => {
      return { host, file: 'web.module.jsonc', line: 3, column: 5, severity: 'error', message: 'checks: none' };
    });
    expect(await local(['apply', file])).toMatchObject({
      code: 1,
      err: 'alpha, beta: web.module.jsonc:3:5: error: checks: none\nnothing was applied on any host\n',
    });
    facade.files.problems = [];
    expect(await local(['apply', file, '--note', 'fewer'])).toMatchObject({
      code: 0,
      out: 'web.module.jsonc: changed\n  checks: takes effect now\nversion 1 is applied on alpha, beta\n',
    });
    const versions = await local(['versions']);
    expect(versions.out).toMatch(/^1 +2026\S+ +local +web\.module\.jsonc +fewer/m);
    expect((await local(['versions', 'db.module.jsonc'])).out).toMatch(/no version changed that file/);
    expect((await local(['diff', '0', '1'])).out).toBe(
      [
        '--- web.module.jsonc (version 0)',
        '+++ web.module.jsonc (version 1)',
        '@@ -1 +1 @@',
        ' {',
        '-  "name": "web"',
        '+  "name": "web",',
        '+  "checks": []',
        ' }',
        '',
      ].join('\n'),
    );
    expect((await local(['diff', 'first'])).err).toMatch(/"first" is no number of a version/);
    expect((await local(['restore', '9'])).err).toMatch(/version 9 is not kept/);
    expect((await local(['restore', '0'])).err).toMatch(
      /changes web.module.jsonc on all hosts of the cluster site: confirm it with --confirm 0/,
    );
    expect((await local(['restore', '0', '--confirm', '1'])).code).toBe(3);
    const asked = { isInteractive: true, ask: () => Promise.resolve(' 0 ') };
    expect(await local(['restore', '0', 'web.module.jsonc'], asked)).toMatchObject({
      code: 0,
      err: expect.stringMatching(/To be as in version 0 this changes web.module.jsonc on all hosts of the/) as string,
      out: expect.stringMatching(/version 2 is applied/) as string,
    });
    const mail = path('mail.module.jsonc');
    writeFileSync(mail, '{ "name": "mail" }');
    await local(['apply', mail]);
    expect((await local(['restore', '1', 'web.module.jsonc', 'mail.module.jsonc'])).err).toMatch(
      /changes web.module.jsonc and removes mail.module.jsonc on all hosts/,
    );
    // Somebody else applies something while the question is on the screen.
    const overtaken = {
      isInteractive: true,
      ask: async () => {
        await local(['apply', file]);
        return '0';
      },
    };
    expect(await local(['restore', '0'], overtaken)).toMatchObject({
      code: 3,
      err: expect.stringMatching(/version 4 was applied by local meanwhile/) as string,
    });
  });

  it('status shows which version of the files runs, and where others are', async () => {
    const drift = ['web.module.jsonc in the folder of beta was changed by hand'];
    const names = { modules: facade.state.modules.map(({ name }) => name), hosts: ['alpha', 'beta', 'gamma'] };
    facade.state = { ...facade.state, configuration: { version: 4, drift, ...names } };
    const { out } = await local(['status']);
    expect(out).toContain(`files: version 4\n  ${drift[0] ?? ''}\n`);
  });

  it('log prints and follows', async () => {
    facade.append('before\u001b[2J', 'web');
    facade.append('elsewhere', 'db');
    expect((await local(['log', 'web'])).out).toMatch(/^\S+ info +alpha web +TEST +before \[2J\n$/);
    expect((await local(['log', '--limit', '0'])).code).toBe(2);
    const user = new AbortController();
    let out = '';
    const ran = local(['log', 'web', '--follow'], { signal: user.signal, stdout: (text) => (out += text) });
    await expect.poll(() => out).toContain('before');
    facade.append('after', 'web');
    facade.append('elsewhere again', 'db');
    await expect.poll(() => out).toContain('after');
    user.abort();
    expect((await ran).code).toBe(0);
    expect(out.match(/before/g)).toHaveLength(1);
    expect(out).not.toContain('elsewhere');
  });

  it('another agent is reached with a token and the authority', async () => {
    const token = path('token');
    await local(['token', 'create', '--name', 'desk', '--role', 'viewer', '--output', token]);
    const remote = ['--server', `127.0.0.1:${port}`, '--ca', path('alpha', 'etc', 'tls', 'ca.crt')];
    expect((await understudy(['status', '--json', ...remote, '--token-file', token])).code).toBe(0);
    expect(
      (await understudy(['status', '--json', ...remote], { environment: { UNDERSTUDY_TOKEN: read('token').trim() } }))
        .code,
    ).toBe(0);
    expect(await understudy(['stop', 'web', ...remote, '--token-file', token])).toMatchObject({
      code: 3,
      err: expect.stringMatching(/needs the role operator/) as string,
    });
    expect(await understudy(['status', ...remote])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--token-file/) as string,
    });
    writeFileSync(path('wrong'), `${'x'.repeat(43)}\n`, { mode: 0o600 });
    expect(await understudy(['status', ...remote, '--token-file', path('wrong')])).toMatchObject({
      code: 4,
      err: expect.stringMatching(/Not authenticated: the token is not known/) as string,
    });
    writeFileSync(path('bad.crt'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    const badAuthority = ['--server', `127.0.0.1:${port}`, '--ca', path('bad.crt'), '--token-file', token];
    expect((await understudy(['status', ...badAuthority])).err).toMatch(/bad\.crt is no certificate/);
    writeFileSync(path('open'), 'x'.repeat(43), { mode: 0o644 });
    expect(await understudy(['status', ...remote, '--token-file', path('open')])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/chmod 600/) as string,
    });
  });
});

describe('without an agent', () => {
  it('says so, with exit code 4', async () => {
    await init();
    expect(await understudy(['status', ...config('alpha')])).toMatchObject({
      code: 4,
      err: expect.stringMatching(/has never run here.*understudy agent/) as string,
    });
    const { server } = await startAlpha();
    await server.close();
    expect(await understudy(['status', ...config('alpha')])).toMatchObject({
      code: 4,
      err: expect.stringMatching(/Nothing listens/) as string,
    });
  });

  it('says that this host is part of no cluster, with exit code 2', async () => {
    mkdirSync(path('empty'));
    expect(await understudy(['status', '--config', path('empty')])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/no cluster file|does not exist/) as string,
    });
  });
});

describe('understudy aside', () => {
  const aside = (args: readonly string[], extra?: Partial<Io>) =>
    understudy(['aside', ...args, ...config('alpha')], extra);

  function keep(module: string, name: string, differences: object[] | null): string {
    const folder = path('alpha', 'lib', 'modules', module, 'aside', name);
    mkdirSync(join(folder, 'files', 'd'), { recursive: true });
    writeFileSync(join(folder, 'files', 'd', 'disk.raw'), 'what only alpha held');
    const lineage = [{ epoch: 3, primary: 'alpha' }];
    const keptLineage = [{ from: 4, epoch: 4, primary: 'beta', apart: true }];
    const manifest = {
      formatVersion: 1,
      module,
      at: '2026-11-25T20:00:00.000Z',
      bytes: 4096,
      host: 'alpha',
      kept: 'beta',
    };
    const reason = 'an operator chose to keep beta';
    writeFileSync(
      join(folder, 'manifest.json'),
      JSON.stringify({ ...manifest, reason, lineage, keptLineage, differences }),
    );
    return folder;
  }

  it('lists and shows what is kept, and which files differ', async () => {
    await init();
    expect((await aside(['list'])).out).toBe('nothing is kept aside on this host\n');
    const folder = keep('web', 'alpha-epoch-3', null);
    const odd = Buffer.from('d/caf\u00e9', 'latin1').toString('base64');
    keep('db', 'alpha-epoch-7', [{ path: odd, kind: 'content', size: 20 }]);
    const listed = await aside(['list']);
    expect(listed.out).toMatch(
      /alpha-epoch-3 +web +2026-11-25T20:00:00.000Z +4.00 KiB +an operator chose to keep beta/,
    );
    expect(listed.out).toContain('alpha-epoch-7');
    expect((await aside(['list', 'web'])).out).not.toContain('alpha-epoch-7');
    expect(JSON.parse((await aside(['list', 'web', '--json'])).out)).toMatchObject({
      aside: [{ name: 'alpha-epoch-3', module: 'web', folder, bytes: 4096 }],
    });
    const shown = (await aside(['show', 'alpha-epoch-3'])).out;
    expect(shown).toContain('history: epoch 3, primary alpha; in its place: epoch 4, primary beta (beta)');
    expect(shown).toContain('holds everything that the replica held');
    expect((await aside(['show', 'alpha-epoch-7'])).out).toMatch(
      /holds 1 files that differ[\s\S]*content +20 B {2}d\/caf/,
    );
    const unknown = await aside(['show', 'gone']);
    expect(unknown).toMatchObject({ code: 2 });
    expect(unknown.err).toContain('Nothing called "gone" is kept aside here: there is alpha-epoch-7, alpha-epoch-3');
  });

  it('restores to a new directory, never over files and never into a mirror', async () => {
    await init();
    keep('web', 'alpha-epoch-3', null);
    const mirror = path('srv', 'web');
    mkdirSync(mirror, { recursive: true });
    mkdirSync(path('alpha', 'etc', 'modules'), { recursive: true });
    writeFileSync(path('alpha', 'etc', 'modules', 'web.module.jsonc'), moduleText('web', mirror));
    const restore = (to: string) => aside(['restore', 'alpha-epoch-3', '--to', to]);

    expect((await restore(path('new', 'place'))).code).toBe(0);
    expect(read('new', 'place', 'd', 'disk.raw')).toBe('what only alpha held');
    const again = await restore(path('new', 'place'));
    expect(again).toMatchObject({
      code: 3,
      err: expect.stringMatching(/not empty, and nothing is overwritten/) as string,
    });
    symlinkSync(mirror, path('link'));
    for (const to of [mirror, join(mirror, 'sub'), path('link', 'sub')]) {
      expect(await restore(to)).toMatchObject({
        code: 3,
        err: expect.stringMatching(/in the mirror of module web/) as string,
      });
    }
    expect(readdirSync(mirror)).toEqual([]);
  });

  it('removes only what was confirmed', async () => {
    await init();
    const folder = keep('web', 'alpha-epoch-3', null);
    expect(await aside(['remove', 'alpha-epoch-3'])).toMatchObject({ code: 2 });
    const answered = (text: string) => ({ isInteractive: true, ask: () => Promise.resolve(text) });
    expect(await aside(['remove', 'alpha-epoch-3'], answered('yes'))).toMatchObject({ code: 3 });
    expect(existsSync(folder)).toBe(true);
    expect(await aside(['remove', 'alpha-epoch-3'], answered('alpha-epoch-3'))).toMatchObject({ code: 0 });
    expect(readdirSync(join(folder, '..'))).toEqual([]);
    keep('web', 'alpha-epoch-3', null);
    expect(await aside(['remove', 'alpha-epoch-3', '--yes'])).toMatchObject({ code: 0 });
  });
});

describe('understudy witness', () => {
  const witness = (verb: string, args: readonly string[] = [], extra: Partial<Io> = {}): Promise<Ran> =>
    understudy(['witness', verb, '--folder', path('w'), ...args], extra);
  const server = (): string[] => ['--server', `127.0.0.1:${port}`];
  const newToken = async (host: string): Promise<string> => {
    const ran = await understudy(['token', 'join', '--host', host, '--json', ...config('alpha')]);
    return (JSON.parse(ran.out) as { token: string }).token;
  };

  it('adds a cluster, lists it, serves it, and gets new files of it', async () => {
    const tokens = await init();
    await startAlpha();
    const added = await witness('add', [...server(), '--token', tokens['gamma'] ?? '']);
    expect(added).toMatchObject({ code: 0, err: '' });
    expect(added.out).toMatch(/gamma is the witness of the cluster site\.\n.*understudy witness run --folder/s);
    expect(modeOf('w', 'clusters', 'site', 'tls', 'host.key')).toBe(0o600);
    expect((await witness('list')).out).toMatch(
      /does not run.*\nCLUSTER.*\nsite +gamma +[?\d]+ +alpha not heard, beta not heard +- +\d+\.\d KiB +\d{4}-\d\d-\d\d/,
    );

    const ended = new AbortController();
    const running = witness('run', [], { signal: ended.signal });
    ends.push(() => ended.abort());
    const list = async (): Promise<unknown> => JSON.parse((await witness('list', ['--json'])).out);
    await vi.waitFor(async () => expect(await list()).toMatchObject({ isRunning: true }), { timeout: 5000 });
    const again = await witness('add', [...server(), '--token', await newToken('gamma'), '--json']);
    expect(JSON.parse(again.out)).toEqual({ ok: true, cluster: 'site', host: 'gamma', isNew: false, isRunning: true });
    expect(await list()).toMatchObject({ clusters: [{ name: 'site', problem: null }] });
    ended.abort();
    expect((await running).code).toBe(0);
  });

  it('refuses what is no witness, what runs modules, and another cluster of the same name, and says what to do', async () => {
    const tokens = await init();
    await startAlpha();
    const beta = await witness('add', [...server(), '--token', tokens['beta'] ?? '']);
    expect(beta).toMatchObject({
      code: 3,
      err: expect.stringMatching(/beta is no witness of the cluster site.*gamma/) as string,
    });
    writeFileSync(
      path('alpha', 'etc', 'modules', 'web.module.jsonc'),
      moduleText('web', '/srv/web').replace('"beta"', '"gamma"'),
    );
    const gamma = await witness('add', [...server(), '--token', tokens['gamma'] ?? '']);
    expect(gamma).toMatchObject({
      code: 3,
      err: expect.stringMatching(/host of a module of site \(web\.module\.jsonc\).*understudy agent/) as string,
    });
    expect(existsSync(path('w'))).toBe(false);

    rmSync(path('alpha', 'etc', 'modules', 'web.module.jsonc'));
    expect((await witness('add', [...server(), '--token', await newToken('gamma')])).code).toBe(0);
    expect(await witness('add', [...server(), '--token', await newToken('gamma'), '--as', 'other'])).toMatchObject({
      code: 3,
      err: expect.stringMatching(/here already, as site/) as string,
    });
    for (const end of ends.splice(0)) await end();
    // Another cluster that calls itself the same.
    rmSync(path('alpha'), { recursive: true });
    const others = await init();
    await startAlpha();
    const token = others['gamma'] ?? '';
    expect(await witness('add', [...server(), '--token', token, '--as', 'site'])).toMatchObject({
      code: 3,
      err: expect.stringMatching(/Another cluster has the name site.*--as NAME/) as string,
    });
    expect((await witness('add', [...server(), '--token', token, '--as', 'lyon'])).code).toBe(0);
    expect((await witness('list')).out).toMatch(/\nlyon .*\nsite /);
  });

  it('adds a cluster, and says what to do, when the certificates of another one are damaged', async () => {
    const tokens = await init();
    await startAlpha();
    expect((await witness('add', [...server(), '--token', tokens['gamma'] ?? '', '--as', 'lyon'])).code).toBe(0);
    const tls = ['w', 'clusters', 'lyon', 'tls'];
    mkdirSync(path('w', 'clusters', 'paris', 'tls'), { recursive: true });
    for (const name of ['ca.crt', 'host.crt']) writeFileSync(path('w', 'clusters', 'paris', 'tls', name), 'rubbish');
    writeFileSync(path('w', 'clusters', 'paris', 'paris.cluster.jsonc'), '{}');
    const before = read(...tls, 'host.crt');
    expect((await witness('add', [...server(), '--token', await newToken('gamma')])).code).toBe(0);
    expect(read(...tls, 'host.crt')).not.toBe(before);
    expect((await witness('list')).out).toMatch(/paris is not served: .*host\.crt is no certificate: .*witness add/);
  });

  it('removes a cluster with its records, after its name was typed', async () => {
    const tokens = await init();
    await startAlpha();
    await witness('add', [...server(), '--token', tokens['gamma'] ?? '']);
    mkdirSync(path('w', 'records', 'site'), { recursive: true });
    writeFileSync(path('w', 'records', 'site', 'web.json'), '{}');
    expect(await witness('remove', ['blue'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('there are site') as string,
    });
    expect(await witness('remove', ['site'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('--confirm site') as string,
    });
    const answered = (text: string) => ({ isInteractive: true, ask: () => Promise.resolve(text) });
    expect(await witness('remove', ['site'], answered('yes'))).toMatchObject({ code: 3 });
    expect(existsSync(path('w', 'records', 'site', 'web.json'))).toBe(true);
    expect(await witness('remove', ['site'], answered('site'))).toMatchObject({ code: 0 });
    expect([readdirSync(path('w', 'records')), readdirSync(path('w', 'clusters'))]).toEqual([[], []]);
    expect((await witness('list')).out).toContain('There are no clusters here');
  });
});
