import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  clusterChanges,
  clusterEffects,
  effectOf,
  moduleChanges,
  moduleEffects,
  type KeyEffect,
} from '../../schemas/changeEffect.ts';
import { resolveCluster, resolveModule } from '../../schemas/defaults.ts';
import type { ModuleFile } from '../../schemas/generated/module.ts';

const file = (more: Partial<ModuleFile> = {}): ModuleFile => ({
  name: 'web',
  hosts: ['alpha', 'beta'],
  mirror: { directories: ['/srv/web'] },
  server: { qemu: { memory: '128MiB', disks: [{ file: 'disk.raw' }] } },
  ...more,
});
const changes = (
  more: Partial<ModuleFile>,
  before: Partial<ModuleFile> = {},
  arbiter: 'witness' | 'etcd' | 'none' = 'witness',
) => moduleChanges(resolveModule(file(before)), resolveModule(file(more)), { kind: arbiter });

describe('what a changed module file means while the module runs', () => {
  it.each<[string, Partial<ModuleFile>, object]>([
    ['nothing', {}, []],
    ['the default, written out', { failover: { detection: '3s' } }, []],
    ['the detection time', { failover: { detection: '5s' } }, [{ key: 'failover.detection', effect: 'now' }]],
    [
      'a condition and a check',
      { failover: { conditions: [{ ping: { host: '10.0.0.1' } }] }, checks: [{ process: { name: 'qemu' } }] },
      [
        { key: 'failover.conditions', effect: 'now' },
        { key: 'checks', effect: 'now' },
      ],
    ],
    [
      'memory',
      { server: { qemu: { memory: '256MiB', disks: [{ file: 'disk.raw' }] } } },
      [{ key: 'server.memory', effect: 'serverStart' }],
    ],
    [
      'how long a shutdown may take',
      { server: { qemu: { memory: '128MiB', disks: [{ file: 'disk.raw' }], shutdownTimeout: '1s' } } },
      [{ key: 'server.shutdownTimeout', effect: 'now' }],
    ],
    [
      'the time for an acknowledgement',
      { mirror: { directories: ['/srv/web'], acknowledgeTimeout: '9s' } },
      [{ key: 'mirror.acknowledgeTimeout', effect: 'now' }],
    ],
    [
      'what the mirror asks of the processors, and how much of a secondary is kept',
      { mirror: { directories: ['/srv/web'], processors: 'sleep' }, resync: { undo: '20GiB' } },
      [
        { key: 'mirror.processors', effect: 'now' },
        { key: 'resync.undo', effect: 'now' },
      ],
    ],
    [
      'what becomes of direct I/O',
      { mirror: { directories: ['/srv/web'], directIo: 'disk' } },
      [{ key: 'mirror.directIo', effect: 'serverStart' }],
    ],
    [
      'what is excluded',
      { mirror: { directories: ['/srv/web'], exclude: ['*.tmp'] } },
      [{ key: 'mirror.exclude', effect: 'stop' }],
    ],
    [
      'another first directory',
      { mirror: { directories: ['/srv/other'] } },
      [{ key: 'mirror.directories', effect: 'stop' }],
    ],
    ['the order of its hosts', { hosts: ['beta', 'alpha'] }, [{ key: 'hosts (their order)', effect: 'now' }]],
    ['another host', { hosts: ['alpha', 'gamma'] }, [{ key: 'hosts', effect: 'stop' }]],
  ])('%s', (_what, more, expected) => {
    expect(changes(more)).toEqual(expected);
  });

  it('the order of its hosts needs a stop where no arbiter decides who of two starts that each think themselves preferred', () => {
    const swapped = { hosts: ['beta', 'alpha'] } as Partial<ModuleFile>;
    expect(changes(swapped, {}, 'etcd')).toEqual([{ key: 'hosts (their order)', effect: 'now' }]);
    expect(changes(swapped, {}, 'none')).toEqual([{ key: 'hosts (their order)', effect: 'stop' }]);
  });

  it('another directory, and another kind of server, need a stop', () => {
    const effects = (more: Partial<ModuleFile>) => changes(more).map(({ effect }) => effect);
    expect(effects({ mirror: { directories: ['/srv/other'] } })).toContain('stop');
    expect(effects({ mirror: { directories: ['/srv/web', '/srv/more'] } })).toContain('stop');
    expect(effects({ server: { scripts: { start: ['/s'], stop: ['/t'] } } })).toContain('stop');
  });

  it('the first check by the guest agent needs a stop: a guest that runs has no channel to it', () => {
    const found = changes({ checks: [{ guestAgent: {} }] } as Partial<ModuleFile>);
    expect(found).toContainEqual({ key: 'checks (the first guestAgent check)', effect: 'stop' });
  });

  it('says of each key that there is something, and of one that nobody thought of that it needs a stop', () => {
    expect(effectOf(moduleEffects, 'something.new')).toBe('stop');
    const known = Object.keys(resolveModule(file())).filter((key) => key !== 'resync');
    expect(known.filter((key) => moduleEffects[key] === undefined)).toEqual([]);
  });
});

describe('what a changed cluster file means', () => {
  const cluster = {
    name: 'site',
    networks: { lan: {} },
    hosts: { alpha: { lan: '10.77.0.1' }, beta: { lan: '10.77.0.2' }, gamma: { lan: '10.77.0.3' } },
    arbiter: { witness: 'gamma' },
  };
  const found = (more: object) => clusterChanges(resolveCluster(cluster), resolveCluster({ ...cluster, ...more }));

  it.each([
    [{ heartbeat: '100ms' }, [{ key: 'heartbeat', effect: 'now' }]],
    [{ hosts: { ...cluster.hosts, delta: { lan: '10.77.0.4' } } }, [{ key: 'hosts', effect: 'now' }]],
    [{ ports: { agent: 5000 } }, [{ key: 'ports.agent', effect: 'agentRestart' }]],
    [{ arbiter: { witness: 'delta' } }, [{ key: 'arbiter.hosts', effect: 'stop' }]],
    [{ name: 'other' }, [{ key: 'name', effect: 'stop' }]],
  ])('%j', (more, expected) => {
    expect(found(more)).toEqual(expected);
  });
});

describe('the table in README', () => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');
  const rowOf = (when: string): string => {
    const row = text.split('\n').find((line) => line.startsWith(`| ${when} `));
    if (row === undefined) throw new Error(`README has no row "${when}"`);
    return row;
  };
  const ofModules: Readonly<Record<KeyEffect['effect'], string>> = {
    now: 'at once',
    serverStart: 'at the next start of the server',
    stop: 'only while the module is stopped',
    agentRestart: 'only while all modules are stopped',
  };
  const rows = [
    ...Object.entries(moduleEffects).map(([key, effect]) => [key, ofModules[effect]] as const),
    ...Object.entries(clusterEffects).map(([key, effect]) => {
      if (key === 'name') return [key, 'never'] as const;
      return [key, effect === 'stop' ? ofModules.agentRestart : ofModules[effect]] as const;
    }),
  ];

  it.each(rows)('says when %s takes effect: %s', (key, when) => {
    // As it stands in the file: `server.shutdownTimeoutMs` is `server.qemu.shutdownTimeout` there.
    const [name = ''] = /[^.]+$/.exec(key.replace(/Ms$/, '')) ?? [];
    expect(rowOf(when)).toMatch(new RegExp(`\`([\\w.]+\\.)?${name}\``));
  });
});
