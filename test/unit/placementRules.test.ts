import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placementOf, startOrder, type PlacedModule } from '../../agent/core/placementRules.ts';

const GiB = 2 ** 30;
const host = { name: 'delta', capacity: { cpu: 8, memoryBytes: 8 * GiB } };

function module(name: string, more: Partial<PlacedModule> & { readonly memory?: number } = {}): PlacedModule {
  const { memory = 0, ...rest } = more;
  return {
    name,
    needs: { cpu: 0, memoryBytes: memory * GiB },
    priority: 0,
    dependsOn: [],
    antiAffinity: { preferred: [], required: [] },
    standing: 'candidate',
    unready: `${name} does not run yet`,
    waitedMs: 0,
    dependencyTimeoutMs: 600_000,
    ...rest,
  };
}

const running = (name: string, more: Parameters<typeof module>[1] = {}): PlacedModule =>
  module(name, { standing: 'here', unready: null, ...more });

describe('room', () => {
  it('is what a host has less what runs and starts there', () => {
    const modules = [running('db', { memory: 3 }), module('mail', { memory: 3, standing: 'starting' })];
    expect(placementOf('web', [...modules, module('web', { memory: 2 })], host).barred).toBeNull();
    expect(placementOf('web', [...modules, module('web', { memory: 4 })], host).barred).toBe(
      'delta has no room for web beside db, mail: 4 GiB of memory needed, 2 GiB of 8 GiB free',
    );
  });

  it('counts processors as well, also parts of them, and is not looked at where nothing is stated', () => {
    const tenths = Array.from({ length: 79 }, (_, index) =>
      running(`m${String(index)}`, { needs: { cpu: 0.1, memoryBytes: 0 } }),
    );
    const asked = (cpu: number) => [...tenths, module('web', { needs: { cpu, memoryBytes: 0 } })];
    expect(placementOf('web', asked(0.1), host).barred).toBeNull();
    expect(placementOf('web', asked(1), host).barred).toContain('1 processor needed, 0.1 of 8 free');
    expect(placementOf('web', asked(100), { name: 'delta', capacity: {} }).barred).toBeNull();
    expect(placementOf('web', [running('db', { memory: 80 }), module('web')], host).barred).toBeNull();
  });

  it('is for the more urgent of two that start at the same time; a smaller one takes what is left', () => {
    const modules = [
      module('a-low', { memory: 6, priority: 1 }),
      module('b-high', { memory: 6, priority: 2 }),
      module('c-small', { memory: 2 }),
    ];
    expect(placementOf('b-high', modules, host).barred).toBeNull();
    expect(placementOf('a-low', modules, host).barred).toContain('no room for a-low beside b-high');
    expect(placementOf('c-small', modules, host).barred).toBeNull();
  });

  it('is kept for what waits for others that start here, and not for what waits for somebody else', () => {
    const web = module('web', { memory: 6, priority: 1, dependsOn: ['db'] });
    const small = module('small', { memory: 4 });
    const near = [web, small, module('db', { memory: 1 })];
    expect(placementOf('small', near, host).barred).toContain('beside db, web');
    const far = [web, small, module('db', { standing: 'away' })];
    expect(placementOf('small', far, host).barred).toBeNull();
  });

  it('is never denied to what runs there already', () => {
    const modules = [running('web', { memory: 12 }), running('db', { memory: 12 })];
    expect(placementOf('web', modules, host).barred).toBeNull();
  });
});

describe('order', () => {
  it('lets a module wait until everything that it depends on is ready, wherever that runs', () => {
    const away = (name: string, unready: string | null) => module(name, { standing: 'away', unready });
    const web = module('web', { dependsOn: ['db', 'cache'] });
    const waits = (modules: PlacedModule[]) => placementOf('web', [web, ...modules], host).waitsFor;
    expect(waits([away('db', null), away('cache', 'cache is stopped')])).toBe(
      'web starts after cache, which it depends on: cache is stopped',
    );
    expect(waits([away('db', null), away('cache', null)])).toBeNull();
  });

  it('ends after the time that the module waits at most', () => {
    const db = module('db', { standing: 'away' });
    const web = (waitedMs: number, dependencyTimeoutMs: number | null) =>
      placementOf('web', [db, module('web', { dependsOn: ['db'], waitedMs, dependencyTimeoutMs })], host).waitsFor;
    expect(web(9_999, 10_000)).not.toBeNull();
    expect(web(10_000, 10_000)).toBeNull();
    expect(web(1e9, null)).not.toBeNull();
  });

  it('lets the more urgent start first on the same host, and has an end', () => {
    const modules = (standing: PlacedModule['standing'], waitedMs = 0) => [
      module('web', { waitedMs }),
      module('db', { priority: 10, standing, unready: null }),
    ];
    expect(placementOf('web', modules('candidate'), host).waitsFor).toBe(
      'web starts after db, which starts first on delta',
    );
    expect(placementOf('web', modules('starting'), host).waitsFor).not.toBeNull();
    expect(placementOf('web', modules('here'), host).waitsFor).toBeNull();
    expect(placementOf('web', modules('away'), host).waitsFor).toBeNull();
    expect(placementOf('web', modules('candidate', 60_000), host).waitsFor).toBeNull();
    expect(placementOf('db', modules('candidate'), host).waitsFor).toBeNull();
  });

  it('does not wait for what is more urgent and has no room, or waits for something else itself', () => {
    const web = module('web');
    expect(placementOf('web', [web, module('big', { priority: 9, memory: 90 })], host).waitsFor).toBeNull();
    const late = module('late', { priority: 9, dependsOn: ['far'] });
    const far = module('far', { standing: 'away' });
    expect(placementOf('web', [web, late, far], host).waitsFor).toBeNull();
  });

  it('makes what others depend on as urgent as they are', () => {
    const modules = [
      module('web', { priority: 5, dependsOn: ['db'] }),
      module('db'),
      module('mail', { priority: 3 }),
      module('files', { priority: 3 }),
    ];
    expect(startOrder(modules).map(({ name }) => name)).toEqual(['db', 'web', 'files', 'mail']);
  });
});

it('looks at each module a few times only, however many there are', () => {
  let looks = 0;
  const modules = Array.from({ length: 200 }, (_, index): PlacedModule => {
    const { dependsOn, ...rest } = module(`m${String(index)}`, { memory: 1 });
    return Object.defineProperty(rest as PlacedModule, 'dependsOn', {
      get: () => {
        looks += 1;
        return dependsOn;
      },
    });
  });
  placementOf('m199', modules, host);
  expect(looks).toBeLessThan(20 * modules.length);
});

describe('who is kept apart', () => {
  it('holds in both directions: required bars, preferred only speaks for the other host', () => {
    const required = { antiAffinity: { preferred: [], required: ['web2'] } };
    const preferred = { antiAffinity: { preferred: ['web2'], required: [] } };
    for (const [own, other] of [
      [required, {}],
      [{}, { antiAffinity: { preferred: [], required: ['web'] } }],
    ] as const) {
      expect(placementOf('web', [module('web', own), running('web2', other)], host)).toEqual({
        barred: 'delta runs web2, which must not run beside web',
        waitsFor: null,
        avoids: null,
      });
    }
    expect(placementOf('web', [module('web', preferred), running('web2')], host)).toEqual({
      barred: null,
      waitsFor: null,
      avoids: 'web should rather run apart from web2, which delta runs',
    });
  });

  it('lets exactly one of two start when both could', () => {
    const pair = [module('web', { antiAffinity: { preferred: [], required: ['web2'] } }), module('web2')];
    expect(placementOf('web', pair, host).barred).toBeNull();
    expect(placementOf('web2', pair, host).barred).toContain('delta starts web, which must not run beside web2');
  });
});

describe('whatever the modules are', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const some = fc.subarray(names);
  /** Nobody depends on one that comes after it: no circles, as the files' checks have it. */
  const cluster = fc
    .tuple(
      ...names.map((name, index) =>
        fc.record({
          name: fc.constant(name),
          needs: fc.record({ cpu: fc.integer({ min: 0, max: 5 }), memoryBytes: fc.integer({ min: 0, max: 5 }) }),
          priority: fc.integer({ min: -2, max: 2 }),
          dependsOn: fc.subarray(names.slice(0, index)),
          antiAffinity: fc.record({
            preferred: some,
            required: fc.subarray(names.slice(0, index), { maxLength: Math.min(1, index) }),
          }),
          standing: fc.constantFrom('away', 'candidate', 'starting', 'here' as const),
          waitedMs: fc.integer({ min: 0, max: 59_999 }),
          dependencyTimeoutMs: fc.constant(null),
        }),
      ),
    )
    .map((modules) =>
      modules.map((each): PlacedModule => ({
        ...(each as Omit<PlacedModule, 'unready'>),
        unready: each.standing === 'here' ? null : `${each.name} does not run yet`,
      })),
    );
  const small = { name: 'delta', capacity: { cpu: 12, memoryBytes: 12 } };
  const mayStart = ({ barred, waitsFor }: ReturnType<typeof placementOf>): boolean =>
    barred === null && waitsFor === null;
  const takes = ({ standing }: PlacedModule): boolean => standing === 'here' || standing === 'starting';
  const used = (modules: readonly PlacedModule[], what: 'cpu' | 'memoryBytes'): number =>
    modules.filter(takes).reduce((sum, { needs }) => sum + needs[what], 0);

  it('all that may start at one moment have room together, and what they depend on runs', () => {
    fc.assert(
      fc.property(cluster, (modules) => {
        const starting = modules.filter(
          (each) => each.standing === 'candidate' && mayStart(placementOf(each.name, modules, small)),
        );
        const after = modules.map((each) =>
          starting.includes(each) ? { ...each, standing: 'starting' as const } : each,
        );
        for (const what of ['cpu', 'memoryBytes'] as const) {
          if (starting.some(({ needs }) => needs[what] > 0)) expect(used(after, what)).toBeLessThanOrEqual(12);
        }
        for (const each of starting) {
          for (const other of each.dependsOn) {
            expect(modules.find(({ name }) => name === other)?.unready ?? null).toBeNull();
          }
        }
      }),
    );
  });

  it('starting one after the other, as soon as it may, leaves only those behind that have no room or miss something', () => {
    fc.assert(
      fc.property(cluster, (modules) => {
        let now = modules;
        const become = (name: string, standing: PlacedModule['standing']): void => {
          now = now.map((each) =>
            each.name === name ? { ...each, standing, unready: standing === 'here' ? null : each.unready } : each,
          );
        };
        for (let round = 0; round < 3 * names.length; round += 1) {
          for (const { name, standing } of now) {
            if (standing === 'starting') become(name, 'here');
            else if (standing === 'candidate' && mayStart(placementOf(name, now, small))) become(name, 'starting');
          }
        }
        for (const each of now.filter(({ standing }) => standing === 'candidate')) {
          const { barred } = placementOf(each.name, now, small);
          const missing = each.dependsOn.some((other) => now.find(({ name }) => name === other)?.unready !== null);
          expect(barred !== null || missing).toBe(true);
        }
      }),
    );
  });
});
