import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

export type HostName = 'alpha' | 'beta';
/** The hosts and the witness. */
export type Place = HostName | 'gamma';

/** Both join the hosts; the witness is on the first one only. */
export const networks = ['lan', 'link'] as const;
export type Network = (typeof networks)[number];

export interface CutOptions {
  /** Left out: both. */
  readonly network?: Network;
  /** What the second place sends still reaches the first one. */
  readonly oneWay?: boolean;
}

/** What ails a network for a while. */
export interface Trouble {
  /** Share of the messages that are lost. */
  readonly loss: number;
  /** A message comes up to so much later; those on one network between two places keep their order, those on the other overtake. */
  readonly delayMs: number;
  /** Share of the messages that come once more, later. */
  readonly doubled?: number;
  /** Only what is sent to this place; left out: everything. */
  readonly towards?: Place;
}

/** A message that comes twice comes again within this time. */
const longestRepeatMs = 2000;

const usualTrouble: Trouble = { loss: 0, delayMs: 0 };

interface Places {
  readonly isUp: (place: Place) => boolean;
  /** Programs of two releases that speak other versions do not hear each other. */
  readonly version: (place: Place) => number;
}

export class Networks {
  readonly #cut = new Set<string>();
  readonly #trouble: Record<Network, Trouble> = { lan: usualTrouble, link: usualTrouble };
  readonly #arrivals = new Map<string, number>();
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #places: Places;

  constructor(clock: Clock, random: Random, places: Places) {
    this.#clock = clock;
    this.#random = random;
    this.#places = places;
  }

  /** Returns whether that is another state than before. */
  setCut(a: Place, b: Place, isCut: boolean, { network, oneWay = false }: CutOptions = {}): boolean {
    const before = [...this.#cut].join();
    for (const each of network ? [network] : networks) {
      for (const path of oneWay ? [`${a}>${b}/${each}`] : [`${a}>${b}/${each}`, `${b}>${a}/${each}`]) {
        if (isCut) this.#cut.add(path);
        else this.#cut.delete(path);
      }
    }
    return [...this.#cut].join() !== before;
  }

  setTrouble(network: Network, trouble: Trouble = usualTrouble): void {
    this.#trouble[network] = trouble;
  }

  get isWhole(): boolean {
    return this.#cut.size === 0 && this.isSound;
  }

  /** Whatever gets through does so at once. */
  get isSound(): boolean {
    return networks.every((network) => this.#trouble[network] === usualTrouble);
  }

  isWholeBetween(a: Place, b: Place): boolean {
    return networks.every((network) => this.passes(a, b, network) && this.passes(b, a, network));
  }

  passes(from: Place, to: Place, network: Network): boolean {
    if (network === 'link' && (from === 'gamma' || to === 'gamma')) return false;
    const { isUp, version } = this.#places;
    return (
      !(this.#cut.size > 0 && this.#cut.has(`${from}>${to}/${network}`)) &&
      isUp(from) &&
      isUp(to) &&
      version(from) === version(to)
    );
  }

  /** A network on which both hear each other; the one for the replication comes first. */
  between(a: Place, b: Place): Network | null {
    if (this.passes(a, b, 'link') && this.passes(b, a, 'link')) return 'link';
    if (this.passes(a, b, 'lan') && this.passes(b, a, 'lan')) return 'lan';
    return null;
  }

  #troubleOf(network: Network, to: Place): Trouble {
    const trouble = this.#trouble[network];
    return trouble.towards === undefined || trouble.towards === to ? trouble : usualTrouble;
  }

  /** How long a message takes that is not lost. */
  latencyMs(network: Network, to: Place): number {
    const { delayMs } = this.#troubleOf(network, to);
    return this.#random.between(1, 20) + (delayMs > 0 ? this.#random.between(0, delayMs) : 0);
  }

  /** Whether a message is lost. */
  loses(network: Network, to: Place): boolean {
    const { loss } = this.#troubleOf(network, to);
    return loss > 0 && this.#random.next() < loss;
  }

  /** @param deliver does not happen if the message is lost */
  send(from: Place, to: Place, network: Network, deliver: () => void): void {
    const { doubled = 0 } = this.#troubleOf(network, to);
    const latencyMs = this.latencyMs(network, to);
    if (!this.passes(from, to, network) || this.loses(network, to)) return;
    const path = `${from}>${to}/${network}`;
    const at = Math.max(this.#clock.now + latencyMs, this.#arrivals.get(path) ?? 0);
    this.#arrivals.set(path, at);
    const arrive = (): void => {
      if (this.passes(from, to, network)) deliver();
    };
    this.#clock.after(at - this.#clock.now, arrive);
    if (doubled > 0 && this.#random.next() < doubled) {
      // Whatever was sent after it may have come in between.
      this.#clock.after(at - this.#clock.now + this.#random.between(0, longestRepeatMs), arrive);
    }
  }
}
