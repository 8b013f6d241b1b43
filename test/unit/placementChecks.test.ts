import { describe, expect, it } from 'vitest';
import { crossChecks } from '../../schemas/crossChecks.ts';
import { resolveCluster, resolveModule } from '../../schemas/defaults.ts';
import { parseDocument, type AnyDocument } from '../../schemas/document.ts';
import type { ClusterFile } from '../../schemas/generated/cluster.ts';
import type { ModuleFile } from '../../schemas/generated/module.ts';

type Keys = Readonly<Record<string, unknown>>;

const clusterOf = (more: Keys = {}): Keys => ({
  name: 'site',
  networks: { lan: {} },
  hosts: {
    alpha: { lan: '10.77.0.1' },
    beta: { lan: '10.77.0.2' },
    gamma: { lan: '10.77.0.3' },
    delta: { lan: '10.77.0.4' },
  },
  arbiter: { witness: ['alpha', 'beta', 'gamma', 'delta'] },
  ...more,
});
const moduleOf = (name: string, more: Keys = {}): Keys => ({
  name,
  hosts: ['alpha', 'beta'],
  mirror: { directories: [`/srv/${name}`] },
  server: { scripts: { start: ['/s'], stop: ['/t'] } },
  ...more,
});
const cluster = (more: Keys = {}): AnyDocument =>
  parseDocument('cluster', JSON.stringify(clusterOf(more), null, 1), 'site.cluster.jsonc');
const module = (name: string, more: Keys = {}): AnyDocument =>
  parseDocument('module', JSON.stringify(moduleOf(name, more), null, 1), `${name}.module.jsonc`);
const told = (...documents: AnyDocument[]): string[] =>
  [...documents.flatMap(({ diagnostics }) => diagnostics), ...crossChecks(documents)].map(
    ({ file, severity, code, path, message }) => `${file} ${severity} ${code} ${path}: ${message}`,
  );

describe('the modules of a host', () => {
  it('are no more than it can tell the others of with every heartbeat', () => {
    const modules = Array.from({ length: 129 }, (_, index) => module(`m${String(index)}`));
    expect(told(cluster(), ...modules.slice(1))).toEqual([]);
    const elsewhere = module('far', { hosts: ['gamma', 'delta'] });
    expect(told(cluster(), ...modules, elsewhere)).toEqual([
      'm128.module.jsonc error too-many-modules hosts[0]: alpha is a host of 129 modules: expected at most 128 modules of one host',
      'm128.module.jsonc error too-many-modules hosts[1]: beta is a host of 129 modules: expected at most 128 modules of one host',
    ]);
  });
});

describe('what a module says of other ones', () => {
  it('is told of without the names of hundreds', () => {
    const many = Array.from({ length: 40 }, (_, index) => module(`m${String(index)}`));
    const [first] = told(cluster(), module('web', { dependsOn: ['nobody'] }), ...many);
    expect(first).toMatch(/expected one of m0, m1, .* and 24 more$/);
  });

  it('may name any module of the cluster, in any order', () => {
    expect(
      told(
        cluster(),
        module('web', { dependsOn: ['db'], antiAffinity: { preferred: ['web2'] } }),
        module('db'),
        module('web2', { dependsOn: ['db'], antiAffinity: { required: ['web'] } }),
      ),
    ).toEqual([]);
  });

  it('has to be about modules that exist, and not about itself', () => {
    expect(
      told(
        cluster(),
        module('web', {
          dependsOn: ['db1', 'web'],
          antiAffinity: { preferred: ['web', 'db'], required: ['nobody', 'db'] },
        }),
        module('db'),
      ),
    ).toEqual([
      'web.module.jsonc error unknown-module dependsOn[0]: there is no module "db1" in the cluster: expected one of db',
      'web.module.jsonc error dependency-cycle dependsOn[1]: web cannot depend on itself: expected the name of another module',
      'web.module.jsonc error bad-anti-affinity antiAffinity.preferred[0]: web cannot be apart from itself: expected the name of another module',
      'web.module.jsonc warning bad-anti-affinity antiAffinity.preferred[1]: db is among those that have to be kept apart already: remove it here or there',
      'web.module.jsonc error unknown-module antiAffinity.required[0]: there is no module "nobody" in the cluster: expected one of db',
    ]);
    expect(crossChecks([cluster(), module('web', { dependsOn: ['dv'] }), module('db')])[0]?.suggestion).toBe('db');
  });

  it('is not said to be about nobody while not all modules are known', () => {
    const broken = parseDocument('module', '{ "name": "db", ', 'db.module.jsonc');
    expect(told(module('web', { dependsOn: ['db'] }))).toEqual([]);
    expect(crossChecks([cluster(), module('web', { dependsOn: ['db'] }), broken])).toEqual([]);
  });

  it('must not run in a circle, which is told at every link of it', () => {
    const found = told(
      cluster(),
      module('web', { dependsOn: ['app'] }),
      module('app', { dependsOn: ['db'] }),
      module('db', { dependsOn: ['web'] }),
      module('mail', { dependsOn: ['web'] }),
    );
    const expected = 'expected no circle: each would wait for the other';
    expect(found).toEqual([
      `web.module.jsonc error dependency-cycle dependsOn[0]: web depends on itself by way of other modules (web → app → db → web): ${expected}`,
      `app.module.jsonc error dependency-cycle dependsOn[0]: app depends on itself by way of other modules (app → db → web → app): ${expected}`,
      `db.module.jsonc error dependency-cycle dependsOn[0]: db depends on itself by way of other modules (db → web → app → db): ${expected}`,
    ]);
  });

  it('has quantities that are ones', () => {
    expect(
      told(module('web', { needs: { cpu: 0, memory: '4GB', disk: '1GiB' }, priority: 0.5, dependencyTimeout: 'soon' })),
    ).toEqual([
      expect.stringContaining('web.module.jsonc error bad-value needs.cpu') as string,
      expect.stringContaining('web.module.jsonc error bad-value needs.memory') as string,
      expect.stringContaining('web.module.jsonc error unknown-key needs.disk') as string,
      expect.stringContaining('priority') as string,
      expect.stringContaining('web.module.jsonc error bad-value dependencyTimeout') as string,
    ]);
  });
});

describe('what the hosts have room for', () => {
  const four = { needs: { cpu: 2, memory: '4GiB' } };

  it('is told where it would not do after the failure of one host, with the numbers', () => {
    const capacity = { alpha: { memory: '6GiB' }, beta: { cpu: 3, memory: '6GiB' } };
    const found = told(cluster({ capacity }), module('web', four), module('db', { ...four, hosts: ['beta', 'alpha'] }));
    expect(found).toEqual([
      'web.module.jsonc warning over-capacity needs: if alpha fails, beta is to run db, web, which need 4 processors of 3 and 8 GiB of memory of 6 GiB: not all of them are started by themselves: expected needs that fit, or more "capacity" of beta in the cluster file',
      'db.module.jsonc warning over-capacity needs: if beta fails, alpha is to run web, db, which need 8 GiB of memory of 6 GiB: not all of them are started by themselves: expected needs that fit, or more "capacity" of alpha in the cluster file',
    ]);
  });

  it('is not told of a backup host that can take over from one host at a time', () => {
    const capacity = { delta: { cpu: 2, memory: '4GiB' } };
    const modules = ['alpha', 'beta', 'gamma'].map((host) => module(host, { ...four, hosts: [host, 'delta'] }));
    expect(told(cluster({ capacity }), ...modules)).toEqual([]);
  });

  it('is told when the preferred hosts alone would be too small', () => {
    const found = told(cluster({ capacity: { alpha: { memory: '7GiB' } } }), module('web', four), module('db', four));
    expect(found).toEqual([
      expect.stringContaining(
        'web.module.jsonc warning over-capacity needs: alpha is to run web, db, which need 8 GiB',
      ),
      expect.stringContaining('db.module.jsonc warning over-capacity needs: alpha is to run web, db, which need 8 GiB'),
    ]);
  });

  it('is stated of hosts of the cluster', () => {
    const found = crossChecks([cluster({ capacity: { alhpa: { cpu: 2 } } })]);
    expect(found).toMatchObject([{ code: 'unknown-host', path: 'capacity.alhpa', suggestion: 'alpha' }]);
    expect(told(cluster({ capacity: { alpha: {} } }))).toEqual([expect.stringContaining('capacity.alpha') as string]);
  });
});

describe('defaults', () => {
  it('say nothing of other modules, and turn sizes into bytes', () => {
    const stated = resolveModule(
      moduleOf('web', { needs: { memory: '4GiB' }, dependencyTimeout: 'never' }) as unknown as ModuleFile,
    );
    expect(stated.needs).toEqual({ cpu: 0, memoryBytes: 4 * 2 ** 30 });
    expect(stated.dependencyTimeoutMs).toBeNull();
    const capacity = { alpha: { memory: '8GiB' }, beta: { cpu: 4.5 } };
    expect(resolveCluster(clusterOf({ capacity }) as unknown as ClusterFile).capacity).toEqual({
      alpha: { memoryBytes: 8 * 2 ** 30 },
      beta: { cpu: 4.5 },
    });
  });
});
