/** What modules need of hosts, and what hosts have: for the editor, which knows what is stated, and for agents, which know what there is. */
import { formatSize } from './units.ts';

export interface Amount {
  readonly cpu: number;
  readonly memoryBytes: number;
}

export interface NeedyModule {
  readonly name: string;
  /** In order of preference. */
  readonly hosts: readonly [string, string];
  readonly needs: Amount;
}

/** A host that could not run everything that would have to run there. */
export interface Shortfall {
  readonly host: string;
  /** Which host fails; null: none, with every module on its preferred host. */
  readonly failed: string | null;
  /** All that would run there. */
  readonly modules: readonly string[];
  /** Which of them come from the host that failed. */
  readonly coming: readonly string[];
  /** Such as "memory 12 GiB of 8 GiB". */
  readonly what: string;
}

export function sumOf(amounts: readonly Amount[]): Amount {
  return {
    cpu: amounts.reduce((sum, { cpu }) => sum + cpu, 0),
    memoryBytes: amounts.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
  };
}

/** What is missing for one module more on a host; null: nothing is. What is not stated is not missing. */
export function missingFor(needs: Amount, used: Amount, has: Partial<Amount>): string | null {
  const parts = [
    lacks(needs.cpu, used.cpu, has.cpu) &&
      `${cpuText(needs.cpu)} needed, ${numberText(Math.max(0, (has.cpu ?? 0) - used.cpu))} of ${numberText(has.cpu ?? 0)} free`,
    lacks(needs.memoryBytes, used.memoryBytes, has.memoryBytes) &&
      `${formatSize(needs.memoryBytes)} of memory needed, ${formatSize(Math.max(0, (has.memoryBytes ?? 0) - used.memoryBytes))} of ${formatSize(has.memoryBytes ?? 0)} free`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? null : parts.join(' and ');
}

/** Sums of parts of processors are not exact. */
function lacks(needs: number, used: number, has: number | undefined): boolean {
  return needs > 0 && has !== undefined && used + needs > has + 1e-6;
}

/** For every host on its own, and for every failure of another one: where not everything would have room. */
export function shortfalls(
  modules: readonly NeedyModule[],
  capacity: Readonly<Record<string, Partial<Amount>>>,
): Shortfall[] {
  const hosts = [...new Set(modules.flatMap((module) => module.hosts))];
  // There may be hundreds of modules, and the editor asks after every key press: each is looked at once.
  const byFirst = new Map<string, NeedyModule[]>();
  const byPair = new Map<string, NeedyModule[]>();
  for (const module of modules) {
    const [first, second] = module.hosts;
    append(byFirst, first, module);
    append(byPair, `${first} ${second}`, module);
  }
  return hosts.flatMap((host) => {
    const own = byFirst.get(host) ?? [];
    const alone = shortfall(host, null, own, [], capacity[host] ?? {});
    if (alone !== null) return [alone];
    return hosts.flatMap((failed) => {
      const coming = byPair.get(`${failed} ${host}`) ?? [];
      const found = coming.length === 0 ? null : shortfall(host, failed, own, coming, capacity[host] ?? {});
      return found === null ? [] : [found];
    });
  });
}

function append<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function shortfall(
  host: string,
  failed: string | null,
  own: readonly NeedyModule[],
  coming: readonly NeedyModule[],
  has: Partial<Amount>,
): Shortfall | null {
  const all = [...own, ...coming];
  const needs = sumOf(all.map((module) => module.needs));
  const none = { cpu: 0, memoryBytes: 0 };
  const parts = [
    lacks(needs.cpu, none.cpu, has.cpu) && `${cpuText(needs.cpu)} of ${numberText(has.cpu ?? 0)}`,
    lacks(needs.memoryBytes, none.memoryBytes, has.memoryBytes) &&
      `${formatSize(needs.memoryBytes)} of memory of ${formatSize(has.memoryBytes ?? 0)}`,
  ].filter((part) => part !== false);
  if (parts.length === 0) return null;
  const names = (of: readonly NeedyModule[]): string[] => of.map(({ name }) => name);
  return { host, failed, modules: names(all), coming: names(coming), what: parts.join(' and ') };
}

/** What a host carries of what it has, for people: "2 of 8 processors, 4 GiB of 16 GiB memory". */
export function loadText(load: {
  readonly cpu: number;
  readonly memory: number;
  readonly cpuCapacity: number | null;
  readonly memoryCapacity: number | null;
}): string {
  const { cpu, memory, cpuCapacity, memoryCapacity } = load;
  const of = (capacity: string | null): string => (capacity === null ? '' : ` of ${capacity}`);
  const memoryOf = of(memoryCapacity === null ? null : formatSize(memoryCapacity));
  return `${numberText(cpu)}${of(cpuCapacity === null ? null : numberText(cpuCapacity))} processors, ${formatSize(memory)}${memoryOf} memory`;
}

/** Whether a host carries more than it has. */
export function isOverloaded(load: Parameters<typeof loadText>[0]): boolean {
  const { cpu, memory, cpuCapacity, memoryCapacity } = load;
  return lacks(cpu, 0, cpuCapacity ?? undefined) || lacks(memory, 0, memoryCapacity ?? undefined);
}

function cpuText(cpu: number): string {
  return `${numberText(cpu)} ${cpu === 1 ? 'processor' : 'processors'}`;
}

function numberText(value: number): string {
  return String(Math.round(value * 100) / 100);
}
