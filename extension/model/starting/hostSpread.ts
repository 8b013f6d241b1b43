import { witnessesOf, witnessOf, type ResolvedCluster } from '../../../schemas/defaults.ts';

/** Two hosts in order of preference. */
export type Pair = readonly [preferred: string, other: string];

interface WithHosts {
  readonly hosts: Pair;
}

/** All pairs that a module of the cluster may have: of hosts that share a network and leave a witness over. In the order of the file. */
export function possiblePairs(cluster: ResolvedCluster): readonly Pair[] {
  const { hosts } = cluster;
  const needsWitness = witnessesOf(cluster).length > 0;
  return hosts.flatMap((first) =>
    hosts.flatMap((second): Pair[] => {
      const pair: Pair = [first.name, second.name];
      const isPair =
        first !== second &&
        first.addresses.some(({ network }) => second.addresses.some((other) => other.network === network));
      return isPair && (!needsWitness || witnessOf(cluster, pair) !== null) ? [pair] : [];
    }),
  );
}

/** How many modules prefer a host. */
export function preferredOn(host: string, modules: readonly WithHosts[]): number {
  return modules.filter(({ hosts }) => hosts[0] === host).length;
}

/** The pairs, best first: those whose first host the fewest modules prefer, and among them those whose second one stands in for the fewest. */
export function pairsBySpread(pairs: readonly Pair[], modules: readonly WithHosts[]): readonly Pair[] {
  const standsIn = (host: string): number => modules.filter(({ hosts }) => hosts[1] === host).length;
  const load = ([first, second]: Pair): readonly [number, number] => [preferredOn(first, modules), standsIn(second)];
  return pairs
    .map((pair) => ({ pair, load: load(pair) }))
    .sort((a, b) => a.load[0] - b.load[0] || a.load[1] - b.load[1])
    .map(({ pair }) => pair);
}

/** Pairs for so many further modules, each as {@link pairsBySpread} chooses when those before it are there. Empty when there is no pair. */
export function spread(pairs: readonly Pair[], modules: readonly WithHosts[], count: number): readonly Pair[] {
  const chosen: WithHosts[] = [];
  for (let index = 0; index < count; index += 1) {
    const best = pairsBySpread(pairs, [...modules, ...chosen])[0];
    if (best === undefined) return [];
    chosen.push({ hosts: best });
  }
  return chosen.map(({ hosts }) => hosts);
}
