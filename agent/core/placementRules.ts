/** What modules mean for one another's starts: room, order, and who is kept apart from whom. Pure. */
import { missingFor, sumOf, type Amount } from '../../schemas/capacity.ts';
import type { Standing } from './standing.ts';
import type { Placement } from './types.ts';

/** A module that another one waits for is not waited for longer than this. */
export const priorityLimitMs = 60_000;

export interface PlacedModule {
  readonly name: string;
  readonly needs: Amount;
  readonly priority: number;
  readonly dependsOn: readonly string[];
  readonly antiAffinity: { readonly preferred: readonly string[]; readonly required: readonly string[] };
  /** On this host. */
  readonly standing: Standing;
  /** Why it is of no use to those that depend on it, such as "it does not run"; null: it is. */
  readonly unready: string | null;
  /** For how long it has been a candidate here. */
  readonly waitedMs: number;
  /** How long it waits for what it depends on; null: without end. */
  readonly dependencyTimeoutMs: number | null;
}

export interface PlacingHost {
  readonly name: string;
  readonly capacity: Partial<Amount>;
}

/** Those that start first, first. What others depend on is as urgent as they are, and comes before them. */
export function startOrder(modules: readonly PlacedModule[]): PlacedModule[] {
  const urgencies = effectivePriorities(modules);
  const depths = depthsOf(modules);
  const at = (of: ReadonlyMap<string, number>, { name }: PlacedModule): number => of.get(name) ?? 0;
  return [...modules].sort(
    (a, b) => at(urgencies, b) - at(urgencies, a) || at(depths, a) - at(depths, b) || (a.name < b.name ? -1 : 1),
  );
}

/** How long the chain is that a module depends on. */
function depthsOf(modules: readonly PlacedModule[]): Map<string, number> {
  const depths = new Map(modules.map(({ name }) => [name, 0]));
  untilNothingChanges(modules.length, () => {
    let isChanged = false;
    for (const { name, dependsOn } of modules) {
      const known = depths.get(name) ?? 0;
      const below = dependsOn.map((other) => (depths.get(other) ?? -1) + 1);
      const depth = Math.min(modules.length, Math.max(known, ...below));
      if (depth === known) continue;
      depths.set(name, depth);
      isChanged = true;
    }
    return isChanged;
  });
  return depths;
}

/** At most as many rounds as a chain can have links: circles, which the files must not have, end here, too. */
function untilNothingChanges(most: number, round: () => boolean): void {
  for (let rounds = 0; rounds < most && round(); rounds += 1);
}

/** What the other modules mean for a start of `name` on this host. */
export function placementOf(name: string, modules: readonly PlacedModule[], host: PlacingHost): Placement {
  const ordered = startOrder(modules);
  const here = ordered.filter(({ standing }) => standing === 'here' || standing === 'starting');
  const taken = [...here];
  const before: PlacedModule[] = [];
  for (const module of ordered) {
    const isAsked = module.name === name;
    if (!isAsked && module.standing !== 'candidate') continue;
    const others = taken.filter((each) => each !== module);
    const barred = whyBarred(module, others, host);
    if (isAsked) {
      // What runs here already is not to be told that it has no room.
      const isHere = module.standing === 'here' || module.standing === 'starting';
      return {
        barred: isHere ? null : barred,
        waitsFor: isHere ? null : whatItWaitsFor(module, ordered, before, host),
        avoids: whatItAvoids(module, here, host),
      };
    }
    if (barred !== null || !startsSoon(module, ordered, taken)) continue;
    taken.push(module);
    before.push(module);
  }
  return { barred: null, waitsFor: null, avoids: null };
}

/** Room is kept for what waits only for others that start here as well, and not for what may wait for long. */
function startsSoon(module: PlacedModule, modules: readonly PlacedModule[], taken: readonly PlacedModule[]): boolean {
  if (missingDependency(module, modules) === null) return true;
  return module.dependsOn.every((name) => {
    const other = modules.find((each) => each.name === name);
    return other === undefined || other.unready === null || taken.includes(other);
  });
}

function whyBarred(module: PlacedModule, others: readonly PlacedModule[], host: PlacingHost): string | null {
  const foe = others.find((other) => isApart(module, other, 'required'));
  if (foe) return `${host.name} ${runs(foe)} ${foe.name}, which must not run beside ${module.name}`;
  const used = sumOf(others.map(({ needs }) => needs));
  const missing = missingFor(module.needs, used, host.capacity);
  if (missing === null) return null;
  const users = others.filter(({ needs }) => needs.cpu > 0 || needs.memoryBytes > 0).map(({ name }) => name);
  const beside = users.length === 0 ? '' : ` beside ${users.join(', ')}`;
  return `${host.name} has no room for ${module.name}${beside}: ${missing}`;
}

function whatItWaitsFor(
  module: PlacedModule,
  ordered: readonly PlacedModule[],
  before: readonly PlacedModule[],
  host: PlacingHost,
): string | null {
  return (
    missingDependency(module, ordered) ??
    (module.waitedMs >= priorityLimitMs ? null : whatComesFirst(module, ordered, before, host))
  );
}

/** Of what it depends on the first that is not ready; null: nothing, or it has waited for long enough. */
export function missingDependency(module: PlacedModule, modules: readonly PlacedModule[]): string | null {
  const { name, dependsOn, dependencyTimeoutMs, waitedMs } = module;
  if (dependencyTimeoutMs !== null && waitedMs >= dependencyTimeoutMs) return null;
  for (const other of dependsOn) {
    const unready = modules.find((each) => each.name === other)?.unready ?? null;
    if (unready !== null) return `${name} starts after ${other}, which it depends on: ${unready}`;
  }
  return null;
}

function whatComesFirst(
  module: PlacedModule,
  ordered: readonly PlacedModule[],
  before: readonly PlacedModule[],
  host: PlacingHost,
): string | null {
  const urgencies = effectivePriorities(ordered);
  const own = urgencies.get(module.name) ?? 0;
  const first = ordered.find((other) => {
    if (other === module || (urgencies.get(other.name) ?? 0) <= own) return false;
    return other.standing === 'starting' || (before.includes(other) && missingDependency(other, ordered) === null);
  });
  return first === undefined ? null : `${module.name} starts after ${first.name}, which starts first on ${host.name}`;
}

/** What others depend on is as urgent as they are. */
function effectivePriorities(modules: readonly PlacedModule[]): Map<string, number> {
  const urgency = new Map(modules.map(({ name, priority }) => [name, priority]));
  untilNothingChanges(modules.length, () => {
    let isChanged = false;
    for (const { name, dependsOn } of modules) {
      for (const other of dependsOn) {
        const [known, own] = [urgency.get(other), urgency.get(name)];
        if (known === undefined || own === undefined || own <= known) continue;
        urgency.set(other, own);
        isChanged = true;
      }
    }
    return isChanged;
  });
  return urgency;
}

function whatItAvoids(module: PlacedModule, here: readonly PlacedModule[], host: PlacingHost): string | null {
  const beside = here
    .filter((other) => other.name !== module.name && isApart(module, other, 'preferred'))
    .map(({ name }) => name);
  return beside.length === 0
    ? null
    : `${module.name} should rather run apart from ${beside.join(' and ')}, which ${host.name} runs`;
}

/** It holds in both directions, whichever file says it. */
export function isApart(
  one: Pick<PlacedModule, 'name' | 'antiAffinity'>,
  other: Pick<PlacedModule, 'name' | 'antiAffinity'>,
  how: 'preferred' | 'required',
): boolean {
  return one.antiAffinity[how].includes(other.name) || other.antiAffinity[how].includes(one.name);
}

function runs({ standing }: PlacedModule): string {
  return standing === 'here' ? 'runs' : 'starts';
}
