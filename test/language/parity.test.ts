/** The editor says of files what the command line says of them, of every kind of mistake. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exitCodes } from '../../agent/cli/exitCodes.ts';
import type { Io } from '../../agent/cli/io.ts';
import { runCommandLine } from '../../agent/cli/program.ts';
import type { Diagnostic, DiagnosticCode } from '../../schemas/diagnostic.ts';
import { diagnosticCodes } from '../../schemas/diagnostic.ts';
import { LanguageClient, positionIn } from '../support/languageClient.ts';

type Keys = Readonly<Record<string, unknown>>;

const cluster = (more: Keys = {}): string =>
  JSON.stringify(
    {
      name: 'site',
      networks: { lan: {}, dmz: {} },
      hosts: {
        alpha: { lan: '10.77.0.1' },
        beta: { lan: '10.77.0.2' },
        gamma: { lan: '10.77.0.3' },
        delta: { dmz: '10.78.0.4' },
      },
      arbiter: { witness: 'gamma' },
      ...more,
    },
    null,
    2,
  );
const module = (more: Keys = {}): string =>
  JSON.stringify(
    {
      name: 'web',
      hosts: ['alpha', 'beta'],
      mirror: { directories: ['/srv/web'] },
      server: { scripts: { start: ['/s'], stop: ['/t'] } },
      ...more,
    },
    null,
    2,
  );
const db = module({ name: 'db', mirror: { directories: ['/srv/db'] } });
const qemu = (more: Keys): Keys => ({ server: { qemu: { memory: '1GiB', disks: [{ file: 'a' }], ...more } } });
const fence = (more: Keys): Keys => ({ fence: { hosts: { alpha: [{ agent: 'fence_ipmilan', ...more }] } } });
const check = (more: Keys): Keys => ({ checks: [{ every: '5s', ...more }] });

/** Texts that show each mistake: of the module `web` and of the cluster file, others by their names. */
const mistakes: Readonly<Partial<Record<DiagnosticCode, Readonly<Record<string, string>>>>> = {
  syntax: { web: module().replace(',', '') },
  'duplicate-key': { web: module().replace('{', '{ "name": "web",') },
  'unknown-key': { web: module({ failovr: {} }) },
  'missing-key': { web: module().replace('"name": "web",', '') },
  'wrong-type': { web: module({ priority: 'high' }) },
  'bad-value': { web: module({ failover: { detection: '3 sec' } }) },
  'wrong-count': { web: module({ hosts: ['alpha'] }) },
  'duplicate-item': { web: module({ hosts: ['alpha', 'alpha'] }) },
  'server-kind': { web: module({ server: {} }) },
  'unknown-host': { web: module({ hosts: ['alpha', 'betta'] }), site: cluster({ capacity: { nobody: { cpu: 1 } } }) },
  'unknown-network': { web: module({ virtualAddresses: [{ address: '10.77.0.9/24', network: 'lna' }] }) },
  'bad-address': {
    site: cluster({ networks: { lan: {} }, hosts: { alpha: { lan: '10.77.0.256' }, beta: { lan: '10.77.0.2' } } }),
  },
  'duplicate-address': { web: module({ virtualAddresses: [{ address: '10.77.0.1/24', network: 'lan' }] }) },
  'duplicate-name': { db: module({ mirror: { directories: ['/srv/db'] } }) },
  'same-port': { site: cluster({ ports: { api: 4811 } }) },
  'arbiter-kind': { site: cluster({ arbiter: { witness: 'gamma', prefix: '/understudy' } }) },
  'insecure-arbiter': { site: cluster({ arbiter: { etcd: ['http://10.0.0.11:2379'] } }) },
  'witness-in-pair': { web: module({ hosts: ['alpha', 'gamma'] }) },
  'etcd-in-pair': { site: cluster({ arbiter: { etcd: ['https://10.77.0.1:2379'] } }) },
  'no-common-network': { web: module({ hosts: ['alpha', 'delta'] }) },
  'bad-directory': { web: module({ mirror: { directories: ['/srv/../web'] } }) },
  'overlapping-directories': { db: module({ name: 'db', mirror: { directories: ['/srv/web/db'] } }) },
  'detection-too-short': { web: module({ failover: { detection: '300ms' } }) },
  'bad-duration': { site: cluster({ heartbeat: '1ms' }) },
  'no-arbiter': { site: cluster({ arbiter: 'none' }) },
  'window-never-open': { web: module({ failover: { failbackWindow: 'daily 02:00-02:00' } }) },
  'failback-without-failover': { web: module({ failover: { automatic: false, failback: 'automatic' } }) },
  'split-brain-risk': {
    site: cluster({ arbiter: 'none' }),
    web: module({ failover: { withoutArbiter: 'risk-split-brain' } }),
  },
  'not-mirrored': { web: module(qemu({ disks: [{ file: '/elsewhere/a' }] })) },
  'bad-disk': { web: module(qemu({ disks: [{ file: 'a', cache: 'writeback', aio: 'native' }] })) },
  'bad-check': { web: module(check({})) },
  'bad-glob': { web: module({ mirror: { directories: ['/srv/web'], exclude: ['**/*.tmp'] } }) },
  'bad-hook': { web: module({ hooks: { afterWait: ['tell'] } }) },
  'fence-option': { site: cluster(fence({ options: { action: 'off' } })) },
  'fence-without-arbiter': { site: cluster({ arbiter: 'none', ...fence({}) }) },
  'secret-in-clear': { site: cluster(fence({ options: { password: 'x' } })) },
  'unknown-module': { web: module({ dependsOn: ['bd'] }) },
  'dependency-cycle': {
    web: module({ dependsOn: ['db'] }),
    db: module({ name: 'db', mirror: { directories: ['/srv/db'] }, dependsOn: ['web'] }),
  },
  'bad-anti-affinity': { web: module({ antiAffinity: { preferred: ['db'], required: ['db'] } }) },
  'over-capacity': { web: module({ needs: { cpu: 4 } }), site: cluster({ capacity: { beta: { cpu: 2 } } }) },
  'several-clusters': { 'other.cluster.jsonc': cluster({ name: 'other' }) },
  'too-many-modules': Object.fromEntries(
    Array.from({ length: 128 }, (_, index) => {
      const name = `m${String(index)}`;
      return [`modules/${name}.module.jsonc`, module({ name, mirror: { directories: [`/srv/${name}`] } })];
    }),
  ),
  unreadable: { web: ' '.repeat(1024 * 1024 + 1) },
};
/** Those of agent files, of hosts, of this machine's disk, of the editor alone, and those that there are none of today. */
const elsewhere: readonly DiagnosticCode[] = [
  'insecure-api',
  'insecure-webhook',
  'not-applied',
  'deprecated-key',
  'missing-script',
  'script-not-executable',
  'missing-file',
  'long-module',
];

const names: Readonly<Record<string, string>> = {
  web: 'modules/web.module.jsonc',
  db: 'modules/db.module.jsonc',
  site: 'site.cluster.jsonc',
};

async function validate(paths: readonly string[]): Promise<readonly Diagnostic[]> {
  let out = '';
  const io: Io = {
    stdout: (text) => void (out += text),
    stderr: () => undefined,
    isInteractive: false,
    isTerminal: false,
    hasColour: false,
    ask: () => Promise.resolve(''),
    signal: new AbortController().signal,
    environment: {},
  };
  expect(await runCommandLine(['validate', '--json', ...paths], io)).not.toBe(exitCodes.internal);
  return (JSON.parse(out) as { readonly diagnostics: readonly Diagnostic[] }).diagnostics;
}

it('is shown for every code', () => {
  expect([...Object.keys(mistakes), ...elsewhere].sort()).toEqual([...diagnosticCodes].sort());
});

describe('editor and command line say the same of', () => {
  it.each(Object.entries(mistakes))('%s', async (code, texts) => {
    const given = { web: module(), db, site: cluster(), ...texts };
    const files = Object.fromEntries(Object.entries(given).map(([name, text]) => [names[name] ?? name, text]));
    const client = await LanguageClient.start({ files });
    try {
      const told = await validate(
        Object.keys(files)
          .sort()
          .map((name) => join(client.folder, name)),
      );
      expect(told.map((diagnostic) => diagnostic.code)).toContain(code);
      for (const [name, text] of Object.entries(files)) {
        const own = told.filter(({ file }) => file === join(client.folder, name));
        if (own.length === 0) continue;
        const shown = await client.publishedOf(name, () => true);
        expect(shown.map(({ code: each, range, severity }) => [each, range.start, range.end, severity])).toEqual(
          own.map(({ code: each, start, end, severity }) => [
            each,
            positionIn(text, start),
            positionIn(text, end),
            severity === 'error' ? 1 : 2,
          ]),
        );
        for (const [index, { message }] of own.entries()) expect(shown[index]?.message).toContain(message);
      }
      const silent = Object.keys(files).filter((name) => !told.some(({ file }) => file === join(client.folder, name)));
      for (const name of silent) expect(client.published.map(({ uri }) => uri)).not.toContain(client.uriOf(name));
    } finally {
      await client.stop();
    }
  });
});
