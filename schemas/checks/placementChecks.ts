import type { Shortfall } from '../capacity.ts';
import type { ResolvedModule } from '../defaults.ts';
import type { Problem } from '../diagnostic.ts';
import type { ClusterFile } from '../generated/cluster.ts';
import type { ModuleIndex } from '../moduleIndex.ts';
import { nearest } from '../nearest.ts';

type NamesPath = readonly ['dependsOn'] | readonly ['antiAffinity', 'preferred' | 'required'];

/**
 * What a module says of other ones: by what it starts after, and from what it is kept apart.
 * @param modules all of them, this one too
 * @param isComplete whether there are no others, such as in a file that is broken
 */
export function* checkOtherModules(
  module: ResolvedModule,
  modules: ModuleIndex,
  isComplete: boolean,
): Iterable<Problem> {
  const { preferred, required } = module.antiAffinity;
  const lists: readonly (readonly [NamesPath, readonly string[]])[] = [
    [['dependsOn'], module.dependsOn],
    [['antiAffinity', 'preferred'], preferred],
    [['antiAffinity', 'required'], required],
  ];
  for (const [path, names] of lists) {
    for (const [index, name] of names.entries()) {
      if (name === module.name) yield itself(module.name, [...path, index], path[0]);
      else if (isComplete && !modules.has(name)) {
        const known = modules.names.filter((each) => each !== module.name);
        yield unknown(name, known, [...path, index]);
      }
    }
  }
  for (const [index, name] of module.dependsOn.entries()) {
    const circle = name === module.name ? null : modules.wayByDependencies(name, module.name);
    if (circle === null) continue;
    const way = [module.name, ...circle].join(' → ');
    const expected = 'no circle: each would wait for the other';
    yield {
      code: 'dependency-cycle',
      path: ['dependsOn', index],
      message: `${module.name} depends on itself by way of other modules (${way}): expected ${expected}`,
      expected,
    };
  }
  for (const [index, name] of preferred.entries()) {
    if (!required.includes(name)) continue;
    yield {
      code: 'bad-anti-affinity',
      severity: 'warning',
      path: ['antiAffinity', 'preferred', index],
      message: `${name} is among those that have to be kept apart already: remove it here or there`,
      expected: null,
    };
  }
}

function itself(name: string, path: Problem['path'], key: NamesPath[0]): Problem {
  const expected = 'the name of another module';
  return key === 'dependsOn'
    ? { code: 'dependency-cycle', path, message: `${name} cannot depend on itself: expected ${expected}`, expected }
    : {
        code: 'bad-anti-affinity',
        path,
        message: `${name} cannot be apart from itself: expected ${expected}`,
        expected,
      };
}

function unknown(name: string, known: readonly string[], path: Problem['path']): Problem {
  const expected = known.length === 0 ? 'the name of another module: there is none' : `one of ${few(known)}`;
  return {
    code: 'unknown-module',
    path,
    message: `there is no module "${name}" in the cluster: expected ${expected}`,
    expected,
    suggestion: nearest(name, known),
  };
}

/** A message of more names than this is not read. */
const mostNamed = 16;

function few(names: readonly string[]): string {
  const rest = names.length - mostNamed;
  return rest <= 0 ? names.join(', ') : `${names.slice(0, mostNamed).join(', ')} and ${String(rest)} more`;
}

/** Of one host: what it tells the others of its modules with a heartbeat has to be short. */
const mostModules = 128;

/** More modules of a host than it can tell the others of: told at the last ones. */
export function* checkCount(module: ResolvedModule, modules: ModuleIndex): Iterable<Problem> {
  for (const [index, host] of module.hosts.entries()) {
    const own = modules.ofHost(host);
    if (own.length <= mostModules || own.indexOf(module) < mostModules) continue;
    const expected = `at most ${String(mostModules)} modules of one host`;
    yield {
      code: 'too-many-modules',
      path: ['hosts', index],
      message: `${host} is a host of ${String(own.length)} modules: expected ${expected}`,
      expected,
    };
  }
}

/**
 * Where the hosts, as far as their capacity is stated, could not run everything: told at what would have no room.
 * @param short where that is, for this module
 */
export function* checkRoom(module: ResolvedModule, short: readonly Shortfall[]): Iterable<Problem> {
  const path = module.needs.cpu + module.needs.memoryBytes > 0 ? ['needs'] : ['name'];
  for (const { host, failed, modules: all, what } of short) {
    const expected = `needs that fit, or more "capacity" of ${host} in the cluster file`;
    const names = all.join(', ');
    yield {
      code: 'over-capacity',
      severity: 'warning',
      path,
      message:
        failed === null
          ? `${host} is to run ${names}, which need ${what}: not all of them are started: expected ${expected}`
          : `if ${failed} fails, ${host} is to run ${names}, which need ${what}: not all of them are started by themselves: expected ${expected}`,
      expected,
    };
  }
}

/** The shortfalls by the modules that would have no room: all of a host when none has failed, otherwise those that would come. */
export function shortfallsByModule(found: readonly Shortfall[]): ReadonlyMap<string, readonly Shortfall[]> {
  const byModule = new Map<string, Shortfall[]>();
  for (const each of found) {
    for (const name of new Set(each.failed === null ? each.modules : each.coming)) {
      byModule.set(name, [...(byModule.get(name) ?? []), each]);
    }
  }
  return byModule;
}

/** Capacities of hosts that are none. */
export function* checkCapacity({ capacity = {}, hosts }: ClusterFile): Iterable<Problem> {
  const known = Object.keys(hosts);
  for (const name of Object.keys(capacity)) {
    if (known.includes(name)) continue;
    const expected = `one of ${known.join(', ')}`;
    yield {
      code: 'unknown-host',
      path: ['capacity', name],
      at: 'key',
      message: `the host "${name}" is not in the cluster file: expected ${expected}`,
      expected,
      suggestion: nearest(name, known),
    };
  }
}
