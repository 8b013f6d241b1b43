import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPairOfModules } from '../../../schemas/checks/modulePairChecks.ts';
import { resolveModule } from '../../../schemas/defaults.ts';
import type { ResolvedModule } from '../../../schemas/defaults.ts';
import { ModuleIndex } from '../../../schemas/moduleIndex.ts';

const host = fc.constantFrom('alpha', 'beta', 'gamma');
const module = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    hosts: fc.uniqueArray(host, { minLength: 2, maxLength: 2 }),
    directories: fc.array(fc.constantFrom('/', '/srv', '/srv/a', '/srv/a/b', '/srv/ab', '/srv//a/'), {
      minLength: 1,
      maxLength: 2,
    }),
    address: fc.constantFrom('10.0.0.1/24', '10.0.0.2/24', 'fd00::1/64', 'fd00:0::1/64', null),
    dependsOn: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'x'), { maxLength: 3 }),
  })
  .map(({ name, hosts, directories, address, dependsOn }) =>
    resolveModule({
      name,
      hosts: hosts as [string, string],
      mirror: { directories: directories as [string, ...string[]] },
      server: { scripts: { start: ['/s'], stop: ['/t'] } },
      virtualAddresses: address === null ? [] : [{ address, network: 'lan' }],
      dependsOn,
    }),
  );

/** As it is done without an index: every way, the shortest first. */
function shortestWay(from: string, to: string, modules: readonly ResolvedModule[]): number | null {
  let ends = new Set([from]);
  for (let length = 1; length <= modules.length + 1; length += 1) {
    if (ends.has(to)) return length;
    ends = new Set([...ends].flatMap((end) => modules.find(({ name }) => name === end)?.dependsOn ?? []));
  }
  return null;
}

describe('the index of modules', () => {
  it('leaves out no two modules of which anything is told', () => {
    fc.assert(
      fc.property(fc.array(module, { maxLength: 12 }), (modules) => {
        const index = new ModuleIndex(modules);
        for (const one of modules) {
          const related = index.relatedTo(one);
          for (const other of modules) {
            if (other === one || related.has(other)) continue;
            expect([...checkPairOfModules(one, other, 'other')]).toEqual([]);
          }
        }
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it('finds none in a long chain, and soon', () => {
    const [one] = fc.sample(module, { seed: 11, numRuns: 1 });
    if (one === undefined) return;
    const count = 20_000;
    const chain = Array.from({ length: count }, (_, index) => ({
      ...one,
      name: `m${String(index)}`,
      dependsOn: index + 1 < count ? [`m${String(index + 1)}`] : [],
    }));
    const index = new ModuleIndex(chain);
    const began = performance.now();
    for (const { name, dependsOn } of chain) {
      for (const next of dependsOn) expect(index.wayByDependencies(next, name)).toBeNull();
    }
    // What goes over all of them again and again takes many seconds.
    expect(performance.now() - began).toBeLessThan(2000);
  });

  it('finds a way by dependencies that leads round in a circle, and it is the shortest', () => {
    fc.assert(
      fc.property(fc.array(module, { maxLength: 8 }), (modules) => {
        const index = new ModuleIndex(modules);
        for (const { name, dependsOn } of modules.filter(
          (each, at) => modules.findIndex((one) => one.name === each.name) === at,
        )) {
          for (const next of dependsOn.filter((each) => each !== name)) {
            const way = index.wayByDependencies(next, name);
            expect(way?.length ?? null).toBe(shortestWay(next, name, modules));
            if (way !== null) expect([way[0], way.at(-1)]).toEqual([next, name]);
          }
        }
      }),
      { seed: 11, numRuns: 300 },
    );
  });
});
