import type { ResolvedCluster } from '../../schemas/defaults.ts';

/** Stands for an etcd cluster: it is somewhere that each host reaches by itself. */
export const elsewhere = 'etcd';

/** What joins the hosts of a pair and their arbiter, and what of it is cut. */
export class Networks {
  readonly #names: (a: string, b: string) => readonly string[];
  readonly #isUp: (place: string) => boolean;
  readonly #cut = new Set<string>();

  /** @param isUp whether anything of a place could send or take something */
  constructor({ networks, hosts }: Pick<ResolvedCluster, 'networks' | 'hosts'>, isUp: (place: string) => boolean) {
    this.#isUp = isUp;
    // As the mirror prefers them.
    const order = [...networks].sort((a, b) => Number(b.replication) - Number(a.replication)).map(({ name }) => name);
    const of = (place: string): readonly string[] =>
      (hosts.find(({ name }) => name === place)?.addresses ?? []).map(({ network }) => network);
    this.#names = (a, b) => {
      if (a === elsewhere || b === elsewhere) return [elsewhere];
      return order.filter((name) => of(a).includes(name) && of(b).includes(name));
    };
  }

  /** The networks that join two places, the one for the replication first. */
  joining(a: string, b: string): readonly string[] {
    return this.#names(a, b);
  }

  passes(a: string, b: string, network: string): boolean {
    return this.#isUp(a) && this.#isUp(b) && (this.#cut.size === 0 || !this.#cut.has(keyOf(a, b, network)));
  }

  /** The network that two places use for one connection; null: there is none. */
  between(a: string, b: string): string | null {
    return this.joining(a, b).find((network) => this.passes(a, b, network)) ?? null;
  }

  /** @param only left out: all of them */
  setCut(a: string, b: string, isCut: boolean, only?: string): void {
    for (const network of only === undefined ? this.joining(a, b) : [only]) {
      if (isCut) this.#cut.add(keyOf(a, b, network));
      else this.#cut.delete(keyOf(a, b, network));
    }
  }
}

function keyOf(a: string, b: string, network: string): string {
  return [...[a, b].sort(), network].join(' ');
}
