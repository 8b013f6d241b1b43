import { AddressError } from './addressError.ts';
import { AddressGuard, type HandedGuard } from './guard.ts';
import { ip, ipOrFail, readInterfaces } from './ipTool.ts';
import {
  isSame,
  isThere,
  LIFETIME_S,
  removeArguments,
  removeRouteArguments,
  routeArguments,
  setArguments,
  type PlacedAddress,
} from './plan.ts';

/** What the program needs that takes the agent over. */
export interface HandedAddresses {
  readonly guard: HandedGuard;
  readonly placed: readonly PlacedAddress[];
}

/** The addresses of one module that are set on this host, and the process that removes them at the agent's end. */
export class Placement {
  readonly #host: string;
  #placed: readonly PlacedAddress[] = [];
  #guard: AddressGuard | null = null;
  #lifetimeS = LIFETIME_S;

  constructor(host: string) {
    this.#host = host;
  }

  /** What is set, or may be. */
  get placed(): readonly PlacedAddress[] {
    return this.#placed;
  }

  /** Sets more of them. When that fails or the signal is aborted, some may be set. */
  async put(fresh: readonly PlacedAddress[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#guardAll([...this.#placed.filter((old) => !fresh.some((each) => isSame(each, old))), ...fresh]);
    for (const each of fresh) {
      await this.renew(each);
      signal.throwIfAborted();
    }
  }

  /** Sets one that is guarded already, or lets it live on. */
  async renew(placed: PlacedAddress): Promise<void> {
    await ipOrFail(setArguments(placed, this.#lifetimeS));
    const route = routeArguments(placed, this.#lifetimeS);
    if (route) await ipOrFail(route);
  }

  /** Lets all of them live on for so many milliseconds more than usual, from now on. What cannot is not there: nothing depends on it. */
  async prolong(ms: number): Promise<void> {
    this.#lifetimeS = LIFETIME_S + Math.ceil(ms / 1000);
    await Promise.allSettled(this.#placed.map((each) => this.renew(each)));
  }

  /** Removes one, whoever set it. Rejects when it is still there. */
  async take(placed: PlacedAddress): Promise<void> {
    const { code, stderr } = await ip(removeArguments(placed));
    if (code !== 0 && isThere(placed, await readInterfaces())) {
      throw new AddressError(
        `${placed.address} cannot be removed from ${placed.interface} of ${this.#host}: ${stderr.trim()}`,
        false,
      );
    }
    const route = removeRouteArguments(placed);
    if (route) await ip(route);
  }

  /** Rejects when some are still there; then it can be tried again. */
  async takeAll(): Promise<void> {
    await Promise.all(this.#placed.map((each) => this.take(each)));
    this.#placed = [];
    this.#guard?.end();
    this.#guard = null;
  }

  /** Removes those that the module does not have any more. */
  async keepOnly(addresses: readonly string[]): Promise<void> {
    for (const each of this.#placed.filter(({ address }) => !addresses.includes(address))) {
      await this.take(each);
      this.#placed = this.#placed.filter((other) => other !== each);
    }
  }

  /** Sees to it that somebody guards them. */
  guardAgain(): void {
    if (this.#guard?.hasEnded) this.#guardAll(this.#placed);
  }

  /** For the program that takes the agent over; null when nothing is set. */
  handOver(): HandedAddresses | null {
    this.guardAgain();
    return this.#guard && { guard: this.#guard.handOver(), placed: this.#placed };
  }

  /** Goes on with what an earlier program of this process set. */
  adopt({ guard, placed }: HandedAddresses): void {
    this.#guardAll(placed);
    try {
      AddressGuard.adopt(guard).end();
    } catch {
      // It has ended on the way; there is another one already.
    }
  }

  /** From before the first one is set: should this process die, all are removed. */
  #guardAll(placed: readonly PlacedAddress[]): void {
    const old = this.#guard;
    this.#placed = placed;
    this.#guard = AddressGuard.start(placed);
    old?.end();
  }
}
