import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crossChecks } from '../../schemas/crossChecks.ts';
import { resolveAgent, resolveCluster, resolveModule } from '../../schemas/defaults.ts';
import type { Diagnostic } from '../../schemas/diagnostic.ts';
import { formatDiagnostic } from '../../schemas/diagnostic.ts';
import { kindOfFile, parseDocument } from '../../schemas/document.ts';
import type { AnyDocument, DocumentKind } from '../../schemas/document.ts';
import { agentSchema, clusterSchema, moduleSchema } from '../../schemas/generated/schemas.ts';
import type { ModuleFile } from '../../schemas/generated/module.ts';
import { isLoopback, parseIpAddress } from '../../schemas/ipAddress.ts';
import { editDistance, nearest } from '../../schemas/nearest.ts';
import { formatDuration, parseDuration, parseRate, parseSize } from '../../schemas/units.ts';

const minimal = {
  name: 'web',
  hosts: ['alpha', 'beta'],
  mirror: { directories: ['/srv/web'] },
  server: { scripts: { start: ['/s'], stop: ['/t'] } },
};
const cluster = {
  name: 'site',
  networks: { lan: {}, link: { replication: true } },
  hosts: {
    alpha: { lan: '10.77.0.1', link: '10.78.0.1' },
    beta: { lan: '10.77.0.2', link: '10.78.0.2' },
    gamma: { lan: '10.77.0.3' },
  },
  arbiter: { witness: 'gamma' },
};

type Change = Readonly<Record<string, unknown>>;
const moduleDocument = (change: Change = {}, file = 'web.module.jsonc'): AnyDocument =>
  parseDocument('module', JSON.stringify({ ...minimal, ...change }, null, 2), file);
const clusterDocument = (change: Change = {}): AnyDocument =>
  parseDocument('cluster', JSON.stringify({ ...cluster, ...change }, null, 2), 'site.cluster.jsonc');
const agentDocument = (change: Change = {}): AnyDocument =>
  parseDocument('agent', JSON.stringify({ host: 'alpha', ...change }), 'agent.jsonc');
const qemu = (change: Change): Change => ({ server: { qemu: { memory: '1GiB', disks: [{ file: 'a' }], ...change } } });

/** `code path: message` of each, without those of the schema. */
const told = (diagnostics: readonly Diagnostic[]): string[] => diagnostics.map(({ code, path }) => `${code} ${path}`);
const problems = (kind: DocumentKind, text: string): readonly Diagnostic[] =>
  parseDocument(kind, text, 'f').diagnostics;
const inModule = (text: string): string[] => problems('module', text).map(formatDiagnostic);

describe('files', () => {
  it('are told apart by their names', () => {
    expect(kindOfFile('/etc/understudy/modules/web.module.jsonc')).toBe('module');
    expect(kindOfFile('C:\\x\\site.cluster.jsonc')).toBe('cluster');
    expect(kindOfFile('agent.jsonc')).toBe('agent');
    expect(kindOfFile('my-agent.jsonc')).toBeNull();
    expect(kindOfFile('web.json')).toBeNull();
  });

  it('may have comments, trailing commas and a byte order mark', () => {
    const { value, diagnostics } = parseDocument(
      'module',
      `\uFEFF// web\n${JSON.stringify(minimal).replace(/\}$/, ', /* end */ }')}`,
      'f',
    );
    expect(diagnostics).toEqual([]);
    expect(value?.name).toBe('web');
  });

  it.each([
    ['', 'f:1:1: error: the file is empty: expected an object { … }'],
    ['  // nothing\n', /f:\d:\d+: error: /],
    ['{ "host": "a" "logLevel": "info" }', 'f:1:15: error: expected a comma between two entries'],
    ['{ "host": "a",\n  "logLevel" "info" }', 'f:2:14: error: expected a colon after the key'],
    ['{ "host": "a"', 'f:1:14: error: expected a closing brace "}"'],
    ['{ "host": "a\n}', /f:1:11: error: the text does not end/],
    ['{ host: "a" }', /f:1:3: error: (this is no JSON|expected a key in double quotes)/],
    ['{ "host": "a" } x', /f:1:17: error: /],
    ['[1, 2', /f:1:6: error: expected a closing bracket/],
    ['{ "host": "a" /* ', /comment does not end/],
    ['[]', 'f:1:1: error: expected an object {…}, found an empty list'],
    ['null', 'f:1:1: error: expected an object {…}, found null'],
    ['"text"', 'f:1:1: error: expected an object {…}, found "text"'],
    ['{}', /f:1:1: error: host: the key "host" is missing: Name of this host in the cluster file/],
  ])('that are broken are told with their place: %j', (text, expected) => {
    const { value, diagnostics } = parseDocument('agent', text, 'f');
    expect(value).toBeNull();
    expect(formatDiagnostic(diagnostics[0] as Diagnostic)).toEqual(
      typeof expected === 'string' ? expected : expect.stringMatching(expected),
    );
  });

  it('never make the reader fail, whatever they hold', () => {
    const kinds = fc.constantFrom<DocumentKind>('module', 'cluster', 'agent');
    fc.assert(
      fc.property(
        kinds,
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((text) => text.slice(0, -1)),
        ),
        (kind, text) => {
          const { value, diagnostics } = parseDocument(kind, text, 'f');
          expect(value === null).toBe(diagnostics.length > 0);
          for (const { start, end, line, column } of diagnostics) {
            expect(start).toBeLessThanOrEqual(end);
            expect(end).toBeLessThanOrEqual(Math.max(1, text.length));
            expect(line).toBeGreaterThan(0);
            expect(column).toBeGreaterThan(0);
          }
        },
      ),
      { numRuns: 300 },
    );
    expect(told(problems('agent', '['.repeat(200_000)))).toEqual(['syntax ']);
  });

  it('keep keys such as __proto__ ordinary', () => {
    expect(inModule(JSON.stringify(minimal).replace('{', '{"__proto__":{"x":1},'))).toEqual([
      expect.stringMatching(/the key "__proto__" is unknown here/),
    ]);
  });
});

describe('schema errors', () => {
  it('name the nearest key once, and not the missing one as well', () => {
    expect(inModule(JSON.stringify(minimal).replace('"name"', '"nmae"'))).toEqual([
      'f:1:2: error: nmae: the key "nmae" is unknown here: expected one of name, hosts, mirror, server, virtualAddresses, hooks, failover, resync, verify, checks, needs, priority, dependsOn, dependencyTimeout, antiAffinity; did you mean "name"?',
    ]);
  });

  it('cover the key or value that is wrong', () => {
    const text = '{ "host": "a",\r\n  "logLevel": "warning" }';
    const [problem] = problems('agent', text);
    expect(text.slice(problem?.start, problem?.end)).toBe('"warning"');
    expect(problem).toMatchObject({
      line: 2,
      column: 15,
      path: 'logLevel',
      expected: 'one of "debug", "info", "warn", "error"',
      suggestion: 'warn',
    });
  });

  it('tell of a key that stands twice at its second place', () => {
    const text = '{ "host": "a", "host": "b" }';
    expect(problems('agent', text)).toMatchObject([{ code: 'duplicate-key', start: 15, end: 21 }]);
  });

  it.each([
    ['no server', {}, /^f:\d+:\d+: error: server: expected exactly one of qemu, scripts, found none$/],
    [
      'two servers',
      { ...minimal.server, qemu: { memory: '1GiB', disks: [{ file: 'a' }] } },
      /server: expected exactly one of qemu, scripts, found scripts and qemu$/,
    ],
    [
      'a mistyped server',
      { qmeu: {} },
      /server\.qmeu: the key "qmeu" is unknown here: expected one of qemu, scripts; did you mean "qemu"\?$/,
    ],
  ])('are one for %s', (_name, server, message) => {
    expect(inModule(JSON.stringify({ ...minimal, server }))).toEqual([expect.stringMatching(message)]);
  });

  it.each([
    [
      'nnoe',
      /arbiter: expected \{"witness":"gamma"\} or \{"etcd":.*\} or "none", found "nnoe"; did you mean "none"\?$/,
    ],
    [{ witness: 3 }, /arbiter\.witness: expected the name of a host, or a list of them, found the number 3$/],
    [{ witnes: 'gamma' }, /arbiter\.witnes: the key "witnes" is unknown.*did you mean "witness"\?$/],
    [true, /arbiter: expected .*, found true$/],
  ])('are one for the arbiter %j', (arbiter, message) => {
    expect(problems('cluster', JSON.stringify({ ...cluster, arbiter })).map(formatDiagnostic)).toEqual([
      expect.stringMatching(message),
    ]);
  });

  it.each([
    [{ hosts: ['alpha'] }, /hosts: expected exactly 2 entries in "hosts", found 1$/],
    [{ hosts: ['alpha', 'alpha'] }, /hosts\[1\]: "alpha" stands twice in the list: expected two different hosts$/],
    [
      { mirror: { directories: ['srv'] } },
      /mirror\.directories\[0\]: expected an absolute path such as "\/srv\/vm\/web", found "srv"$/,
    ],
    [{ mirror: { directories: ['/a'], acknowledgeTimeout: 3 } }, /expected a duration such as .*, found the number 3$/],
    [
      qemu({ memory: '512 mb' }),
      /server\.qemu\.memory: expected a size such as "512MiB" or "4GiB", found "512 mb"; did you mean "512MiB"\?$/,
    ],
    [qemu({ cpus: 0 }), /cpus: expected a whole number from 1 to 512 \(virtual processors\), found the number 0$/],
    [
      qemu({ disks: [{ file: 'a', format: 'qcow' }] }),
      /disks\[0\]\.format: expected one of "raw", "qcow2", found "qcow"; did you mean "qcow2"\?$/,
    ],
    [qemu({ networks: [{ bridge: 'br0', mac: 'x' }] }), /networks\[0\]\.mac: expected a hardware address such as/],
    [{ resync: { bandwidth: '100 mb/s' } }, /bandwidth: expected a rate such as .*; did you mean "100MiB\/s"\?$/],
    [{ needs: { cpu: 0 } }, /needs\.cpu: expected a number above 0, at most 4096 \(processors\), found the number 0$/],
    [
      { checks: [{ name: 'x'.repeat(65), ping: { host: 'a' } }] },
      /checks\[0\]\.name: expected a text of 1 to 64 characters, found "x+…"$/,
    ],
    [{ failover: { automatic: 'yes' } }, /failover\.automatic: expected true or false, found "yes"$/],
    [{ name: 'Web' }, /name: expected a lower-case letter.*, found "Web"$/],
  ])('say what was found and what is expected: %j', (change, message) => {
    expect(inModule(JSON.stringify({ ...minimal, ...change }))).toEqual([expect.stringMatching(message)]);
  });

  it('tell all that is wrong, in the order of the text', () => {
    const text =
      '{\n"name": "Web",\n"hosts": ["alpha"],\n"mirror": {},\n"server": {"scripts": {"start": []}},\n"extra": 1 }';
    expect(problems('module', text).map(({ line, path }) => `${line} ${path}`)).toEqual([
      '2 name',
      '3 hosts',
      '4 mirror.directories',
      '5 server.scripts.stop',
      '5 server.scripts.start',
      '6 extra',
    ]);
  });
});

describe('files together', () => {
  const check = (...documents: AnyDocument[]): Diagnostic[] => {
    for (const document of documents) expect(document.diagnostics).toEqual([]);
    return [...crossChecks(documents)];
  };
  const inCluster = (change: Change, also: Change = {}): Diagnostic[] =>
    check(clusterDocument(also), moduleDocument(change)).filter(({ file }) => file === 'web.module.jsonc');

  it('are fine when they are', () => {
    expect(
      check(
        clusterDocument(),
        moduleDocument(),
        moduleDocument({ name: 'db', mirror: { directories: ['/srv/web2'] } }, 'db.module.jsonc'),
        agentDocument(),
      ),
    ).toEqual([]);
  });

  it('know the hosts', () => {
    expect(inCluster({ hosts: ['alpha', 'bete'] })).toMatchObject([
      {
        code: 'unknown-host',
        path: 'hosts[1]',
        suggestion: 'beta',
        message: expect.stringContaining('expected one of alpha, beta, gamma') as string,
      },
    ]);
    expect(told(inCluster({ hosts: ['alpha', 'gamma'] }))).toEqual(['witness-in-pair hosts[1]']);
    expect(told(check(clusterDocument({ arbiter: { witness: 'gama' } })))).toEqual(['unknown-host arbiter.witness']);
    const each = clusterDocument({ arbiter: { witness: ['alpha', 'beta', 'gamma'] } });
    expect(check(each, moduleDocument({ hosts: ['alpha', 'gamma'] }))).toEqual([]);
    const two = clusterDocument({ arbiter: { witness: ['alpha', 'gamma'] } });
    expect(told(check(two, moduleDocument({ hosts: ['alpha', 'gamma'] })))).toEqual([
      'witness-in-pair hosts[0]',
      'witness-in-pair hosts[1]',
    ]);
    expect(check(clusterDocument(), agentDocument({ host: 'alhpa' }))).toMatchObject([
      { code: 'unknown-host', file: 'agent.jsonc', suggestion: 'alpha' },
    ]);
    expect(
      told(
        inCluster(
          {},
          { hosts: { alpha: { lan: '10.0.0.1' }, beta: { link: '10.0.0.2' }, gamma: { lan: '10.0.0.3' } } },
        ),
      ),
    ).toEqual(['no-common-network hosts']);
  });

  it.each([
    [{}, 'arbiter-kind arbiter'],
    [{ prefix: '/understudy' }, 'arbiter-kind arbiter'],
    [{ witness: 'gamma', etcd: ['https://10.0.0.11:2379'] }, 'arbiter-kind arbiter'],
    [{ witness: 'gamma', user: 'understudy' }, 'arbiter-kind arbiter.user'],
    [{ witness: ['gamma', 'alpha'] }, null],
    [{ witness: ['gamma', 'delta'] }, 'unknown-host arbiter.witness[1]'],
    [{ etcd: ['https://10.0.0.11:2379', 'https://[fd00::1]:2379/', 'https://etcd.example'] }, null],
    [{ etcd: ['http://127.0.0.1:2379'] }, null],
    [{ etcd: ['http://10.0.0.11:2379'] }, 'insecure-arbiter arbiter.etcd[0]'],
    [{ etcd: ['https://10.0.0.11:2379/v3'] }, 'bad-address arbiter.etcd[0]'],
    [{ etcd: ['https://user@10.0.0.11:2379'] }, 'bad-address arbiter.etcd[0]'],
    [{ etcd: ['https://10.0.0.11:2379'], user: 'understudy' }, 'arbiter-kind arbiter.user'],
    [{ etcd: ['https://10.0.0.11:2379'], keyFile: '/etc/understudy/etcd.key' }, 'arbiter-kind arbiter.keyFile'],
  ])('tell what is wrong with the arbiter %j', (arbiter, expected) => {
    expect(told(check(clusterDocument({ arbiter })))).toEqual(expected === null ? [] : [expected]);
  });

  it.each([
    [{}, []],
    [{ options: { ip: '10.0.9.1', lanplus: true, power_wait: 4 }, secretFiles: { password: '/etc/understudy/p' } }, []],
    [{ options: { password: 'geheim' } }, ['secret-in-clear fence.hosts.alpha[0].options.password']],
    [{ options: { passwd: 'geheim' } }, ['secret-in-clear fence.hosts.alpha[0].options.passwd']],
    [{ options: { snmp_priv_passwd: 'geheim' } }, ['secret-in-clear fence.hosts.alpha[0].options.snmp_priv_passwd']],
    [{ options: { community: 'private' } }, ['secret-in-clear fence.hosts.alpha[0].options.community']],
    [{ options: { password_script: '/etc/understudy/p' } }, []],
    [{ options: { action: 'on' } }, ['fence-option fence.hosts.alpha[0].options.action']],
    [{ options: { ip: 'a' }, secretFiles: { ip: '/b' } }, ['fence-option fence.hosts.alpha[0].options.ip']],
    [{ timeout: '100ms' }, ['bad-duration fence.hosts.alpha[0].timeout']],
    [{ options: { ip: 'a\npassword=b' } }, ['bad-value fence.hosts.alpha[0].options.ip']],
    [{ agent: 'ipmilan' }, ['bad-value fence.hosts.alpha[0].agent']],
    [{ secretFiles: { password: 'relative' } }, ['bad-value fence.hosts.alpha[0].secretFiles.password']],
  ])('tell what is wrong with a fence device %j', (device, expected) => {
    const fence = { hosts: { alpha: [{ agent: 'fence_ipmilan', ...device }] } };
    const document = clusterDocument({ fence });
    expect(told([...document.diagnostics, ...crossChecks([document])])).toEqual(expected);
  });

  it('know the hosts that are fenced, and that fencing is no arbiter', () => {
    const hosts = { alhpa: [{ agent: 'fence_ipmilan' }] };
    expect(check(clusterDocument({ fence: { hosts } }))).toMatchObject([
      { code: 'unknown-host', suggestion: 'alpha', message: expect.stringContaining('alhpa') as string },
    ]);
    const alpha = { alpha: [{ agent: 'fence_ipmilan' }] };
    expect(told(check(clusterDocument({ fence: { hosts: alpha, monitor: '1s' } })))).toEqual([
      'bad-duration fence.monitor',
    ]);
    expect(told(check(clusterDocument({ fence: { hosts: alpha, monitor: '0s' } })))).toEqual([]);
    const alone = check(clusterDocument({ arbiter: 'none', fence: { hosts: alpha } }));
    expect(alone.map(({ code, severity }) => `${severity} ${code}`)).toContain('warning fence-without-arbiter');
  });

  it.each([
    [['10.77.0.1', '10.0.0.12', '10.0.0.13'], '3s', ['etcd-in-pair hosts[0]']],
    [['10.77.0.1', '10.0.0.12', '10.0.0.13'], '5s', []],
    [['[::ffff:10.77.0.1]', 'beta', 'gamma'], '3s', ['etcd-in-pair hosts[0]', 'etcd-in-pair hosts[1]']],
    [['10.77.0.3', 'etcd.example', '127.0.0.1'], '3s', []],
    [['10.77.0.2'], '10s', ['etcd-in-pair hosts[1]']],
    [['10.77.0.1', '10.77.0.2'], '10s', ['etcd-in-pair hosts[0]', 'etcd-in-pair hosts[1]']],
  ])('warn of a pair that carries etcd, %j, with a detection time of %s', (members, detection, expected) => {
    const arbiter = { etcd: members.map((member) => `https://${member}:2379`) };
    const found = inCluster({ failover: { detection } }, { arbiter });
    expect(told(found)).toEqual(expected);
    expect(found.every(({ severity }) => severity === 'warning')).toBe(true);
  });

  it('never send the password of etcd in the clear', () => {
    const arbiter = { etcd: ['http://10.0.0.11:2379'], user: 'understudy', passwordFile: '/etc/understudy/password' };
    expect(check(clusterDocument({ arbiter }))).toMatchObject([{ code: 'insecure-arbiter', severity: 'error' }]);
  });

  it.each([
    [{ alpha: { lan: '10.77.0.999' } }, 'bad-address hosts.alpha.lan'],
    [{ alpha: { lan: '010.0.0.1' } }, 'bad-address hosts.alpha.lan'],
    [{ alpha: { lan: 'alpha.example' } }, 'bad-address hosts.alpha.lan'],
    [{ alpha: { lan: '0.0.0.0' } }, 'bad-address hosts.alpha.lan'],
    [{ alpha: { lan: '239.1.1.1' } }, 'bad-address hosts.alpha.lan'],
    [{ alpha: { lan: '10.77.0.2' } }, 'duplicate-address hosts.beta.lan'],
    [{ alpha: { lan: '::ffff:10.77.0.2' } }, 'duplicate-address hosts.beta.lan'],
    [{ alpha: { lna: '10.77.0.1' } }, 'unknown-network hosts.alpha.lna'],
  ])('check addresses and networks: %j', (hosts, expected) => {
    expect(
      told(check(clusterDocument({ hosts: { ...hosts, beta: { lan: '10.77.0.2' }, gamma: { lan: '10.77.0.3' } } }))),
    ).toEqual([expected]);
  });

  it('check ports and times', () => {
    expect(told(check(clusterDocument({ ports: { agent: 4810 } })))).toEqual(['same-port ports.agent']);
    expect(told(check(clusterDocument({ ports: { api: 4811 } })))).toEqual(['same-port ports.api']);
    expect(told(check(clusterDocument({ heartbeat: '0ms' })))).toEqual(['bad-duration heartbeat']);
    expect(inCluster({ failover: { detection: '399ms' } })).toMatchObject([
      { code: 'detection-too-short', message: expect.stringContaining('at least 400ms') as string },
    ]);
    expect(inCluster({ failover: { detection: '400ms' } }, { heartbeat: '1s' })).toEqual([]);
    expect(told(check(moduleDocument({ mirror: { directories: ['/a'], acknowledgeTimeout: '0s' } })))).toEqual([
      'bad-duration mirror.acknowledgeTimeout',
    ]);
  });

  it('tell of a failback that can never be', () => {
    const told = (failover: object) =>
      inCluster({ failover }).map(({ code, severity, path }) => [code, severity, path]);
    expect(told({ failback: 'automatic', failbackWindow: 'Sunday 22:00-04:00' })).toEqual([]);
    expect(told({ failbackWindow: 'daily 03:00-03:00' })).toEqual([
      ['window-never-open', 'error', 'failover.failbackWindow'],
    ]);
    expect(told({ failback: 'automatic', automatic: false })).toEqual([
      ['failback-without-failover', 'warning', 'failover.failback'],
    ]);
  });

  it('warn of what a missing arbiter means', () => {
    const none = { arbiter: 'none' };
    expect(check(clusterDocument(none))).toMatchObject([{ code: 'no-arbiter', severity: 'warning', path: 'arbiter' }]);
    expect(inCluster({}, none)).toMatchObject([
      { code: 'no-arbiter', severity: 'warning', path: 'name', message: expect.stringContaining('manual') as string },
    ]);
    expect(inCluster({ failover: { withoutArbiter: 'risk-split-brain' } }, none)).toMatchObject([
      { code: 'split-brain-risk', severity: 'warning', message: expect.stringContaining('two histories') as string },
    ]);
    expect(inCluster({ failover: { automatic: false } }, none)).toEqual([]);
  });

  it('keep the modules of a host apart', () => {
    const other = (change: Change): AnyDocument => moduleDocument({ name: 'db', ...change }, 'db.module.jsonc');
    expect(told(check(moduleDocument(), other({ mirror: { directories: ['/srv/web/'] } })))).toEqual([
      'overlapping-directories mirror.directories[0]',
      'overlapping-directories mirror.directories[0]',
    ]);
    expect(told(check(moduleDocument(), other({ mirror: { directories: ['/srv//web/db'] } })))).toHaveLength(2);
    expect(
      check(moduleDocument(), other({ mirror: { directories: ['/srv/web'] }, hosts: ['gamma', 'delta'] })),
    ).toEqual([]);
    expect(check(moduleDocument(), other({ mirror: { directories: ['/srv/web-db'] } }))).toEqual([]);
    const names = check(moduleDocument(), other({ name: 'web', mirror: { directories: ['/srv/db'] } }));
    expect(names.map(({ code, file }) => `${code} ${file}`)).toEqual([
      'duplicate-name web.module.jsonc',
      'duplicate-name db.module.jsonc',
    ]);
  });

  it('check directories and disks', () => {
    expect(told(check(moduleDocument({ mirror: { directories: ['/'] } })))).toEqual([
      'bad-directory mirror.directories[0]',
    ]);
    expect(told(check(moduleDocument({ mirror: { directories: ['/srv/../etc'] } })))).toEqual([
      'bad-directory mirror.directories[0]',
    ]);
    expect(told(check(agentDocument({ stateDirectory: '/srv/web/state' }), moduleDocument()))).toEqual([
      'bad-directory stateDirectory',
    ]);
    expect(told(check(moduleDocument(qemu({ disks: [{ file: 'a' }, { file: '/srv/web/a' }] }))))).toEqual([
      'bad-disk server.qemu.disks[1].file',
    ]);
    expect(check(moduleDocument(qemu({ disks: [{ file: '/other/a' }] })))).toMatchObject([
      { code: 'not-mirrored', severity: 'warning' },
    ]);
    expect(told(check(moduleDocument(qemu({ disks: [{ file: 'a', aio: 'native', cache: 'writeback' }] }))))).toEqual([
      'bad-disk server.qemu.disks[0].aio',
    ]);
    expect(told(check(moduleDocument(qemu({ serial: '/srv/web/console' }))))).toEqual([
      'bad-directory server.qemu.serial',
    ]);
  });

  it('check several directories', () => {
    const several = (directories: string[], change: Change = {}) =>
      moduleDocument({ ...change, mirror: { directories } });
    expect(check(several(['/srv/web', '/srv/data', '/mnt/logs']))).toEqual([]);
    expect(check(several(['/srv/web', '/srv/web2/', '/srv//data']))).toEqual([]);
    const overlaps: [string[], RegExp][] = [
      [['/srv/web', '/srv/data', '/srv//web/'], /is the same as \/srv\/web, which this module mirrors already/],
      [['/srv/web', '/data', '/srv/web/db'], /\/srv\/web\/db lies in \/srv\/web/],
      [['/srv/web', '/data', '/srv'], /\/srv contains \/srv\/web/],
    ];
    for (const [directories, message] of overlaps) {
      const found = check(several(directories));
      expect(told(found)).toEqual(['overlapping-directories mirror.directories[2]']);
      expect(found[0]?.message).toMatch(message);
    }
    const other = moduleDocument({ name: 'db', mirror: { directories: ['/db', '/srv/data/db'] } }, 'db.module.jsonc');
    expect(told(check(several(['/srv/web', '/srv/data']), other))).toEqual([
      'overlapping-directories mirror.directories[1]',
      'overlapping-directories mirror.directories[1]',
    ]);
    expect(told(check(agentDocument({ stateDirectory: '/data/state' }), several(['/srv/web', '/data'])))).toEqual([
      'bad-directory stateDirectory',
    ]);
    const disks = [{ file: 'a' }, { file: '/data/a' }, { file: '/other/a' }];
    const found = check(several(['/srv/web', '/data'], qemu({ disks })));
    expect(told(found)).toEqual(['not-mirrored server.qemu.disks[2].file']);
    expect(found[0]?.expected).toBe('a file in /srv/web or /data');
    const tooMany = Array.from({ length: 32 }, (_, index) => `/srv/${index}`);
    expect(several(tooMany).diagnostics.map(({ path }) => path)).toEqual(['mirror.directories']);
    expect(several(tooMany.slice(1)).diagnostics).toEqual([]);
  });

  it('check virtual addresses', () => {
    const having = (...virtualAddresses: Change[]) => moduleDocument({ virtualAddresses });
    const on = (address: string, where: Change = { network: 'lan' }): Change => ({ address, ...where });
    const good = ['10.77.0.100/24', '10.77.0.101', '10.9.0.4/31', 'fd00::100/64', 'FD00:0::101', '2001:db8::ffff/112'];
    expect(check(clusterDocument(), having(...good.map((each) => on(each))))).toEqual([]);
    expect(check(clusterDocument(), having(on('10.77.0.100/24', { interface: 'br0' })))).toEqual([]);
    const bad: [Change, string, RegExp][] = [
      [on('10.77.0.300/24'), 'bad-address virtualAddresses[0].address', /"10\.77\.0\.300" is no IP address/],
      [on('::ffff:10.0.0.1'), 'bad-address virtualAddresses[0].address', /is no IP address/],
      [on('127.0.0.2'), 'bad-address virtualAddresses[0].address', /is no address that clients could reach/],
      [on('224.0.0.9/24'), 'bad-address virtualAddresses[0].address', /is no address that clients could reach/],
      [on('fe80::1/64'), 'bad-address virtualAddresses[0].address', /one link only/],
      [on('10.77.0.100/33'), 'bad-address virtualAddresses[0].address', /a prefix length from 1 to 32/],
      [on('fd00::1/0'), 'bad-address virtualAddresses[0].address', /a prefix length from 1 to 128/],
      [on('10.77.0.0/24'), 'bad-address virtualAddresses[0].address', /is the subnet of the prefix length 24 itself/],
      [on('10.77.0.255/24'), 'bad-address virtualAddresses[0].address', /is the broadcast address/],
      [on('10.77.0.9', {}), 'bad-address virtualAddresses[0]', /neither is there: expected either "network"/],
      [on('10.77.0.9', { network: 'lan', interface: 'br0' }), 'bad-address virtualAddresses[0]', /both are there/],
      [on('10.77.0.9', { network: 'lna' }), 'unknown-network virtualAddresses[0].network', /expected one of lan, link/],
      [on('10.77.0.1'), 'duplicate-address virtualAddresses[0].address', /is the address of alpha itself/],
      [on('10.77.0.3'), 'duplicate-address virtualAddresses[0].address', /is the address of gamma itself/],
    ];
    for (const [entry, where, message] of bad) {
      const found = check(clusterDocument(), having(entry));
      expect(told(found), JSON.stringify(entry)).toEqual([where]);
      expect(found[0]?.message).toMatch(message);
    }
    expect(told(check(having(on('fd00::100'), on('fd00:0::100/64'))))).toEqual([
      'duplicate-address virtualAddresses[1].address',
    ]);
    const linkless = { hosts: { ...cluster.hosts, beta: { lan: '10.77.0.2' } } };
    expect(check(clusterDocument(linkless), having(on('10.78.0.9', { network: 'link' })))[0]?.message).toMatch(
      /beta has no address in the network "link": expected a network that both hosts/,
    );
    const other = moduleDocument(
      {
        name: 'db',
        hosts: ['gamma', 'delta'],
        mirror: { directories: ['/db'] },
        virtualAddresses: [on('10.77.0.9', { interface: 'br0' })],
      },
      'db.module.jsonc',
    );
    const two = check(having(on('10.77.0.9/24')), other);
    expect(two.map(({ code, file }) => `${code} ${file}`)).toEqual([
      'duplicate-address web.module.jsonc',
      'duplicate-address db.module.jsonc',
    ]);
    expect(two[0]?.message).toMatch(/also a virtual address of the module db \(db\.module\.jsonc\)/);
    expect(
      problems('module', JSON.stringify({ ...minimal, virtualAddresses: [{ address: 'x' }] }))[0]?.message,
    ).toMatch(/expected an IP address such as "10\.77\.0\.100\/24"/);
  });

  it('check hooks', () => {
    const having = (hooks: Change) => check(moduleDocument({ hooks }));
    expect(having({ afterStop: ['/etc/understudy/hooks/web', 'x'], beforeStop: ['/bin/true'], timeout: '5s' })).toEqual(
      [],
    );
    expect(having({ afterStop: ['bin/hook'] })[0]?.message).toMatch(
      /"bin\/hook" is a relative path: expected an absolute/,
    );
    expect(having({ beforePrimary: ['/srv/web/hook'] })[0]?.message).toMatch(
      /lies in \/srv\/web, which is not there at all/,
    );
    expect(told(having({ beforePrimary: ['/srv/web/hook'] }))).toEqual(['bad-hook hooks.beforePrimary[0]']);
    expect(told(having({ timeout: '0s' }))).toEqual(['bad-duration hooks.timeout']);
    expect(problems('module', JSON.stringify({ ...minimal, hooks: { beforStop: ['/x'] } }))[0]).toMatchObject({
      suggestion: 'beforeStop',
    });
    const { hooks } = resolveModule({
      ...minimal,
      hooks: { afterStop: ['/x'], timeout: '5s' },
    } as unknown as ModuleFile);
    expect(hooks).toEqual({ programs: { afterStop: ['/x'] }, timeoutMs: 5000 });
  });

  it('check what is excluded', () => {
    const excluding = (exclude: string[]) => check(moduleDocument({ mirror: { directories: ['/srv/web'], exclude } }));
    const good = ['*.swp', '/tmp', 'logs/*.old', '[[]x', '[!a-z0-9]?', 'ü*', '-', 'a-b', 'x]'];
    expect(excluding(good)).toEqual([]);
    const bad: [string, RegExp][] = [
      ['/srv/web/tmp', /is a path of the host: expected a path from the mirrored directory, "\/tmp"/],
      ['/srv/web', /not itself/],
      ['tmp/', /single slashes, and none at the end/],
      ['a//b', /single slashes/],
      ['../x', /leads elsewhere/],
      ['a/./b', /leads elsewhere/],
      ['**/cache', /without a slash, which is excluded at any depth/],
      ['[abc', /"\[" that does not begin a set.*"\[\[\]" for the character itself/],
      ['[a/b]', /does not begin a set/],
      ['[]', /does not begin a set/],
      ['[z-a]', /has the range "z-a": expected "a-z"/],
      ['[äö]', /ASCII/],
    ];
    for (const [glob, message] of bad) {
      const found = excluding(['*.swp', glob]);
      expect(told(found), glob).toEqual(['bad-glob mirror.exclude[1]']);
      expect(found[0]?.message).toMatch(message);
    }
  });

  it('check the checks of a server', () => {
    const found = (checks: readonly Change[], change: Change = {}) => check(moduleDocument({ ...change, checks }));
    const good = [
      { tcp: { port: 80 } },
      { tcp: { port: 80, host: '10.0.0.50' }, every: '2s', onFailure: 'failover' },
      { tcp: { port: 80 }, name: 'the same by another name', every: '1m', timeout: '1m' },
      { http: { url: 'http://10.0.0.50:8080/health?x=1' } },
      { http: { url: 'https://[fd00::50]/', verify: false, status: '200' } },
      { ping: { host: 'web.example' }, failures: 1 },
      { command: ['check', 'it'] },
      { process: { pidFile: '/run/nginx.pid' }, startGrace: '0s' },
    ];
    expect(found(good)).toEqual([]);
    expect(found([{ guestAgent: true }], qemu({}))).toEqual([]);
    const bad: [Change, string, RegExp, Change?][] = [
      [{}, 'bad-check checks[1]', /found none: expected exactly one of tcp, http, ping, command, process, guestAgent/],
      [{ tcp: { port: 1 }, ping: { host: 'a' } }, 'bad-check checks[1]', /found tcp and ping/],
      [{ tcp: { port: 80 } }, 'bad-check checks[1].tcp', /"host" is missing/, qemu({})],
      [{ process: { name: 'nginx' } }, 'bad-check checks[1].process', /not seen from its host/, qemu({})],
      [
        { ping: { host: 'b' }, every: '2s', timeout: '3s' },
        'bad-duration checks[1].timeout',
        /at most as long as every \(2s\)/,
      ],
      [{ ping: { host: 'b' }, every: '0s' }, 'bad-duration checks[1].every', /longer than zero/],
      [{ ping: { host: 'b' }, timeout: '0s' }, 'bad-duration checks[1].timeout', /longer than zero/],
      [{ ping: { host: 'a' } }, 'duplicate-name checks[1]', /called "ping a" already/],
      [{ ping: { host: 'b' }, name: 'ping a' }, 'duplicate-name checks[1].name', /another "name"/],
      [{ http: { url: 'http://a:70000/' } }, 'bad-check checks[1].http.url', /port from 1 to 65535/],
      [{ http: { url: 'http://a/', verify: false } }, 'bad-check checks[1].http.verify', /expected https/],
      [{ http: { url: 'http://a/', ca: '/ca' } }, 'bad-check checks[1].http.ca', /expected https/],
      [{ http: { url: 'http://a/', status: '299-200' } }, 'bad-check checks[1].http.status', /expected "200-299"/],
    ];
    for (const [wrong, expected, message, change] of bad) {
      const problems = found([{ ping: { host: 'a' } }, wrong], change);
      expect(told(problems), JSON.stringify(wrong)).toEqual([expected]);
      expect(problems[0]?.message).toMatch(message);
    }
    expect(found([{ ping: { host: 'a' }, onFailure: 'failover' }], { failover: { automatic: false } })).toMatchObject([
      { code: 'bad-check', severity: 'warning', path: 'checks[0].onFailure' },
    ]);
    const unwritten: [Change, RegExp][] = [
      [
        { http: { url: 'http://user:secret@a/' } },
        /checks\[0\]\.http\.url: expected an address such as .*, without user/,
      ],
      [{ http: { url: 'ftp://a/' } }, /expected an address such as "http:/],
      [{ ping: { host: '-f' } }, /expected an address or a name, found "-f"/],
      [{ guestAgent: false }, /guestAgent: expected true, found false/],
      [{ process: {} }, /process: expected exactly one of name, pidFile, found none/],
      [{ tcp: { host: 'a' } }, /tcp\.port: the key "port" is missing: Port that is connected to/],
      [{ tpc: { port: 80 } }, /checks\[0\]\.tpc: the key "tpc" is unknown.*did you mean "tcp"/],
    ];
    for (const [wrong, message] of unwritten) {
      expect(inModule(JSON.stringify({ ...minimal, checks: [wrong] }))).toEqual([expect.stringMatching(message)]);
    }
  });

  it('check the conditions to be primary', () => {
    const found = (conditions: readonly Change[], failover: Change = {}) =>
      check(moduleDocument({ failover: { ...failover, conditions } }));
    expect(
      found([{ ping: { host: '10.0.0.254' } }, { tcp: { host: 'db', port: 5432 }, every: '1s' }, { command: ['/c'] }]),
    ).toEqual([]);
    const bad: [Change, string, RegExp][] = [
      [
        {},
        'bad-check failover.conditions[1]',
        /a condition is of one kind, found none: expected exactly one of tcp, http, ping, command$/,
      ],
      [{ tcp: { port: 80 } }, 'bad-check failover.conditions[1].tcp', /both hosts could reach/],
      [{ ping: { host: 'a' } }, 'duplicate-name failover.conditions[1]', /another condition .* "ping a" already/],
      [
        { ping: { host: 'b' }, timeout: '11s' },
        'bad-duration failover.conditions[1].timeout',
        /at most as long as every/,
      ],
      [{ http: { url: 'http://a/', ca: '/ca' } }, 'bad-check failover.conditions[1].http.ca', /expected https/],
    ];
    for (const [wrong, expected, message] of bad) {
      const problems = found([{ ping: { host: 'a' } }, wrong]);
      expect(told(problems), JSON.stringify(wrong)).toEqual([expected]);
      expect(problems[0]?.message).toMatch(message);
    }
    expect(found([{ ping: { host: 'a' } }], { automatic: false })).toMatchObject([
      { code: 'bad-check', severity: 'warning', path: 'failover.conditions' },
    ]);
    const process = { failover: { conditions: [{ process: { name: 'a' } }] } };
    expect(inModule(JSON.stringify({ ...minimal, ...process }))).toEqual([
      expect.stringMatching(/conditions\[0\]\.process: the key "process" is unknown here: expected one of name, tcp,/),
    ]);
  });

  it('listen without TLS on the loopback interface only', () => {
    expect(told(check(agentDocument({ api: { tls: false } })))).toEqual(['insecure-api api.tls']);
    expect(told(check(agentDocument({ api: { tls: false, listen: ['127.0.0.1', '10.0.0.1'] } })))).toEqual([
      'insecure-api api.listen[1]',
    ]);
    expect(check(agentDocument({ api: { tls: false, listen: ['127.0.0.1', '::1'] } }))).toEqual([]);
    expect(told(check(agentDocument({ api: { listen: ['localhost'] } })))).toEqual(['bad-address api.listen[0]']);
  });

  it('belong to one cluster', () => {
    expect(
      told(check(clusterDocument(), parseDocument('cluster', JSON.stringify(cluster), 'other.cluster.jsonc'))),
    ).toEqual(['several-clusters name']);
  });
});

describe('defaults', () => {
  it('fill in every value, in milliseconds and bytes', () => {
    const module = resolveModule(minimal as unknown as ModuleFile);
    expect(module).toEqual({
      name: 'web',
      hosts: ['alpha', 'beta'],
      mirror: {
        directory: '/srv/web',
        directories: ['/srv/web'],
        exclude: [],
        acknowledgeTimeoutMs: 1000,
        directIo: 'cache',
        onDiskError: 'switchover',
        processors: 'awake',
      },
      server: { kind: 'scripts', start: ['/s'], stop: ['/t'], check: null, checkIntervalMs: 10_000, timeoutMs: 60_000 },
      virtualAddresses: [],
      hooks: { programs: {}, timeoutMs: 30_000 },
      failover: {
        automatic: true,
        detectionMs: 3000,
        withoutArbiter: 'manual',
        restarts: 3,
        restartPeriodMs: 600_000,
        maxFailovers: 5,
        failoverPeriodMs: 86_400_000,
        failback: 'manual',
        failbackAfterMs: 600_000,
        failbackWindow: 'always',
        conditions: [],
      },
      resync: { bandwidth: 'adaptive', undo: null },
      verify: { bandwidth: 50 * 1024 ** 2, schedule: 'off' },
      checks: [],
      needs: { cpu: 0, memoryBytes: 0 },
      priority: 0,
      dependsOn: [],
      dependencyTimeoutMs: 600_000,
      antiAffinity: { preferred: [], required: [] },
    });
    const { checks } = resolveModule({
      ...minimal,
      checks: [
        { tcp: { port: 80 }, every: '2s' },
        { http: { url: 'https://web/health', status: '204' }, timeout: '1s', onFailure: 'restart' },
        { tcp: { port: 80, host: 'fd00::50' } },
      ],
    } as unknown as ModuleFile);
    expect(checks).toEqual([
      {
        name: 'tcp 127.0.0.1:80',
        target: { kind: 'tcp', host: '127.0.0.1', port: 80 },
        everyMs: 2000,
        timeoutMs: 2000,
        failures: 3,
        startGraceMs: 60_000,
        onFailure: 'report',
      },
      expect.objectContaining({
        name: 'https web/health',
        target: {
          ...{ kind: 'http', url: 'https://web/health', status: [204, 204], contains: null, verify: true, ca: null },
        },
        everyMs: 10_000,
        timeoutMs: 1000,
      }),
      expect.objectContaining({ name: 'tcp [fd00::50]:80', timeoutMs: 5000 }),
    ]);
    const full = resolveModule({
      ...minimal,
      ...qemu({ networks: [{ bridge: 'br0' }] }),
      resync: { bandwidth: '100MiB/s', undo: '20GiB' },
    } as unknown as ModuleFile);
    expect(full.resync.bandwidth).toBe(104_857_600);
    const fast = resolveModule({
      ...minimal,
      ...qemu({}),
      resync: { bandwidth: 'unlimited' },
    } as unknown as ModuleFile);
    expect(fast.resync.bandwidth).toBeNull();
    expect(full.server).toEqual({
      kind: 'qemu',
      binary: 'qemu-system-x86_64',
      accelerator: 'auto',
      machine: 'pc',
      cpu: null,
      cpus: 1,
      memoryBytes: 1024 ** 3,
      kernel: null,
      initrd: null,
      append: null,
      disks: [{ file: 'a', format: 'raw', cache: 'none', aio: 'threads' }],
      networks: [{ bridge: 'br0', mac: null, model: 'virtio-net-pci' }],
      serial: null,
      extraArguments: [],
      shutdownTimeoutMs: 60_000,
      startTimeoutMs: 30_000,
    });
  });

  it('fill in clusters and agents', () => {
    expect(resolveCluster({ ...cluster, arbiter: 'none' })).toMatchObject({
      networks: [
        { name: 'lan', replication: false },
        { name: 'link', replication: true },
      ],
      arbiter: { kind: 'none' },
      heartbeatMs: 250,
      ports: { api: 4810, agent: 4811 },
    });
    expect(resolveCluster({ ...cluster, arbiter: { etcd: ['https://10.0.0.11:2379/'] } }).arbiter).toMatchObject({
      kind: 'etcd',
      endpoints: ['https://10.0.0.11:2379'],
      prefix: '/understudy',
      user: null,
    });
    expect(resolveCluster(cluster).fence).toBeNull();
    const device = { agent: 'fence_ipmilan', options: { ip: '10.0.9.1', lanplus: true, delay: 2 } };
    const { fence } = resolveCluster({ ...cluster, fence: { hosts: { alpha: [device] } } });
    expect(fence).toMatchObject({ onFailure: 'continue', monitorMs: 600_000 });
    const options = { ip: '10.0.9.1', lanplus: 'true', delay: '2' };
    expect(fence?.hosts.get('alpha')).toEqual([
      { agent: 'fence_ipmilan', options, secretFiles: {}, action: 'reboot', timeoutMs: 20_000 },
    ]);
    expect(resolveAgent({ host: 'alpha' })).toEqual({
      host: 'alpha',
      stateDirectory: '/var/lib/understudy',
      runDirectory: '/run/understudy',
      api: { listen: null, tls: true },
      logLevel: 'info',
      events: { level: 'info', syslog: [], webhooks: [] },
      watchdog: { device: null, timeoutMs: 30_000 },
    });
  });

  it('are themselves valid, and every key is described', () => {
    const visit = (schema: unknown, path: string): void => {
      if (typeof schema !== 'object' || schema === null) return;
      const { properties, definitions } = schema as {
        properties?: Record<string, Record<string, unknown>>;
        definitions?: Record<string, unknown>;
      };
      for (const [key, child] of Object.entries(properties ?? {})) {
        const isDescribed = 'description' in child || '$ref' in child || 'unit' in child;
        expect(isDescribed, `${path}.${key}`).toBe(true);
        const unit = child['unit'];
        if (typeof child['default'] === 'string' && unit === 'duration') {
          expect(parseDuration(child['default']), `${path}.${key}`).not.toBeNull();
        }
        visit(child, `${path}.${key}`);
      }
      for (const [name, child] of Object.entries(definitions ?? {})) visit(child, `${path}#${name}`);
    };
    for (const schema of [moduleSchema, clusterSchema, agentSchema]) visit(schema, schema.title);
  });
});

describe('the nearest word', () => {
  it('counts swapped neighbours as one mistake', () => {
    expect(editDistance('hosts', 'hsots')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
    fc.assert(
      fc.property(
        fc.string({ maxLength: 12 }),
        fc.string({ maxLength: 12 }),
        (a, b) => editDistance(a, b) === editDistance(b, a) && (editDistance(a, b) === 0) === (a === b),
      ),
    );
  });

  it('is not guessed from far away', () => {
    expect(nearest('mem', ['memory', 'machine'])).toBe('memory');
    expect(nearest('xyz', ['memory', 'machine'])).toBeNull();
    expect(nearest('ALPHA', ['alpha'])).toBe('alpha');
  });
});

describe('quantities and addresses', () => {
  it('are read exactly', () => {
    expect(['0ms', '700ms', '3s', '10m', '24h', '7d', '3 s', '1.5s', '-1s', ''].map(parseDuration)).toEqual([
      0,
      700,
      3000,
      600_000,
      86_400_000,
      604_800_000,
      null,
      null,
      null,
      null,
    ]);
    expect(['512MiB', '4GiB', '8KiB', '0MiB', '1MB'].map(parseSize)).toEqual([
      536_870_912,
      4_294_967_296,
      8192,
      null,
      null,
    ]);
    expect(['100MiB/s', 'unlimited', '100MiB'].map(parseRate)).toEqual([104_857_600, 'unlimited', null]);
    fc.assert(fc.property(fc.nat(999_999), (ms) => parseDuration(formatDuration(ms)) === ms));
  });

  it('are compared by what they mean', () => {
    const canonical = (text: string): string | null => parseIpAddress(text)?.canonical ?? null;
    expect(canonical('FD00:0::1')).toBe(canonical('fd00::1'));
    expect(canonical('::ffff:10.0.0.1')).toBe('10.0.0.1');
    expect(
      [
        '1.2.3',
        '1.2.3.4.5',
        '1.2.3.256',
        '1.2.3.04',
        '::1::',
        ':::',
        '1:2:3:4:5:6:7',
        '1:2:3:4:5:6:7:8:9',
        'fe80::1%eth0',
        'g::1',
        '',
      ].map(canonical),
    ).toEqual(Array(11).fill(null));
    expect(isLoopback(parseIpAddress('127.9.9.9') ?? { version: 4, canonical: '' })).toBe(true);
    expect(isLoopback(parseIpAddress('::1') ?? { version: 4, canonical: '' })).toBe(true);
    expect(isLoopback(parseIpAddress('10.0.0.1') ?? { version: 4, canonical: '' })).toBe(false);
  });
});
