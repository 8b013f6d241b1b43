/** The modules of a cluster, looked up by what they could have in common: no two of them are compared that have nothing. */
import { normalDirectory } from './checks/directories.ts';
import type { ResolvedModule } from './defaults.ts';
import { parseIpAddress } from './ipAddress.ts';

export class ModuleIndex {
  readonly #modules: readonly ResolvedModule[];
  readonly #byName = new Map<string, ResolvedModule[]>();
  readonly #byHost = new Map<string, ResolvedModule[]>();
  readonly #byKey = new Map<string, ResolvedModule[]>();
  #circling: ReadonlySet<string> | null = null;

  /** @param modules in the order in which lists of them are given */
  constructor(modules: readonly ResolvedModule[]) {
    this.#modules = modules;
    for (const module of modules) {
      append(this.#byName, module.name, module);
      for (const host of new Set(module.hosts)) append(this.#byHost, host, module);
      for (const key of keysOf(module).has) append(this.#byKey, key, module);
    }
  }

  /** As often as modules have them. */
  get names(): readonly string[] {
    return this.#modules.map(({ name }) => name);
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  ofHost(host: string): readonly ResolvedModule[] {
    return this.#byHost.get(host) ?? [];
  }

  /** Other modules with the same name, the same virtual address, or a directory in common on a host of both; in no order, and some too many. */
  relatedTo(module: ResolvedModule): ReadonlySet<ResolvedModule> {
    const related = new Set<ResolvedModule>(this.#byName.get(module.name));
    for (const key of keysOf(module).wants) for (const other of this.#byKey.get(key) ?? []) related.add(other);
    related.delete(module);
    return related;
  }

  /** The modules on the shortest way by `dependsOn` from one to another, with both; null: there is none. */
  wayByDependencies(from: string, to: string): readonly string[] | null {
    this.#circling ??= circling(this.#byName);
    if (!this.#circling.has(from) || !this.#circling.has(to)) return null;
    const before = new Map<string, string | null>([[from, null]]);
    for (const name of before.keys()) {
      if (name === to) return wayTo(name, before);
      for (const next of this.#byName.get(name)?.[0]?.dependsOn ?? []) if (!before.has(next)) before.set(next, name);
    }
    return null;
  }
}

function wayTo(name: string, before: ReadonlyMap<string, string | null>): readonly string[] {
  const way = [name];
  for (let last = before.get(name) ?? null; last !== null; last = before.get(last) ?? null) way.unshift(last);
  return way;
}

/** By each name the names that it leads to, all of them keys themselves. */
type Ways = ReadonlyMap<string, readonly string[]>;

/** Modules that are in a circle of dependencies, or between two. */
function circling(byName: ReadonlyMap<string, readonly ResolvedModule[]>): ReadonlySet<string> {
  const needs = new Map(
    [...byName].map(([name, [module]]) => [name, (module?.dependsOn ?? []).filter((need) => byName.has(need))]),
  );
  return new Set(withoutEnds(backwards(withoutEnds(needs))).keys());
}

/** What is left when those are taken away one by one that lead nowhere. In proportion to the number of ways. */
function withoutEnds(ways: Ways): Ways {
  const onwards = new Map([...ways].map(([from, to]) => [from, to.length]));
  const back = backwards(ways);
  const ends = [...onwards].flatMap(([name, count]) => (count === 0 ? [name] : []));
  for (const end of ends) {
    onwards.delete(end);
    for (const from of back.get(end) ?? []) {
      const count = (onwards.get(from) ?? 0) - 1;
      onwards.set(from, count);
      if (count === 0) ends.push(from);
    }
  }
  const isLeft = (name: string): boolean => onwards.has(name);
  return new Map([...ways].filter(([from]) => isLeft(from)).map(([from, to]) => [from, to.filter(isLeft)]));
}

function backwards(ways: Ways): Ways {
  const back = new Map<string, string[]>([...ways.keys()].map((name) => [name, []]));
  for (const [from, to] of ways) for (const each of to) append(back, each, from);
  return back;
}

interface Keys {
  /** Under what a module is found. */
  readonly has: readonly string[];
  /** Under what those are found that have something in common with it. */
  readonly wants: readonly string[];
}

const knownKeys = new WeakMap<ResolvedModule, Keys>();

function keysOf(module: ResolvedModule): Keys {
  let keys = knownKeys.get(module);
  if (keys === undefined) knownKeys.set(module, (keys = makeKeys(module)));
  return keys;
}

function makeKeys(module: ResolvedModule): Keys {
  const addresses = module.virtualAddresses.flatMap(({ address }) => parseIpAddress(address)?.canonical ?? []);
  const has = new Set(addresses);
  const wants = new Set(addresses);
  for (const host of module.hosts) {
    for (const directory of module.mirror.directories.map(normalDirectory)) {
      has.add(`${host} is ${directory}`);
      wants.add(`${host} is ${directory}`);
      // Those that lie in it, and those that it lies in.
      wants.add(`${host} below ${directory}`);
      for (const around of ancestorsOf(directory)) {
        has.add(`${host} below ${around}`);
        wants.add(`${host} is ${around}`);
      }
    }
  }
  return { has: [...has], wants: [...wants] };
}

/** Every directory that one lies in, itself not. @param directory a normal one */
function ancestorsOf(directory: string): readonly string[] {
  if (directory === '/') return [];
  const names = directory.slice(1).split('/');
  return names.map((_name, index) => `/${names.slice(0, index).join('/')}`);
}

function append<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
