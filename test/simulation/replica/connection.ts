import type { HostName, Network } from '../network.ts';
import type { Surroundings } from '../surroundings.ts';
import type { Ends, Frame, Receiver } from './roles.ts';

/** How long an end that hears nothing takes at most to find out. */
export const noticedAfterMs = 3000;
/** After so long the system sends again what was lost, at the earliest. */
const againMs = 200;

interface Sent {
  /** When it arrives if nothing holds it up. */
  readonly at: number;
  /** Null: the end. */
  readonly frame: Frame | null;
}

/** What one end sends to the other: in order, and whole as long as the connection lasts. */
class Stream {
  receiver: Receiver | null = null;
  /** Nobody takes any more what arrives. */
  isClosed = false;
  /** Nobody sends any more what is not there yet. */
  isBroken = false;
  readonly #from: HostName;
  readonly #to: HostName;
  readonly #network: Network;
  readonly #world: Surroundings;
  readonly #sent: Sent[] = [];
  #lastAt = 0;

  constructor(world: Surroundings, network: Network, from: HostName, to: HostName) {
    this.#world = world;
    this.#network = network;
    this.#from = from;
    this.#to = to;
  }

  /** @param frame null: nothing more comes */
  send(frame: Frame | null): void {
    const { clock, random, networks } = this.#world;
    const againAfterMs = networks.loses(this.#network, this.#to) ? againMs + random.between(0, againMs) : 0;
    const at = Math.max(this.#lastAt, clock.now + networks.latencyMs(this.#network, this.#to) + againAfterMs);
    this.#lastAt = at;
    this.#sent.push({ at, frame });
    if (this.#sent.length === 1) this.#moveAt(at);
  }

  #moveAt(at: number): void {
    const { clock } = this.#world;
    clock.after(Math.max(0, at - clock.now), () => this.#move());
  }

  /** What is held up holds up everything behind it. */
  #move(): void {
    const { clock, random, networks } = this.#world;
    if (this.isClosed || this.isBroken) return;
    if (!networks.passes(this.#from, this.#to, this.#network)) {
      this.#moveAt(clock.now + againMs + random.between(0, againMs));
      return;
    }
    for (let first = this.#sent[0]; first && first.at <= clock.now; first = this.#sent[0]) {
      this.#sent.shift();
      if (first.frame) this.receiver?.receive(first.frame);
      else this.receiver?.ended();
      if (this.isClosed) return;
    }
    const [next] = this.#sent;
    if (next) this.#moveAt(next.at);
  }
}

/** A connection of a primary's mirror process with that of its follower. */
export class Connection implements Ends {
  readonly #world: Surroundings;
  readonly #streams: Readonly<Record<'primary' | 'follower', Stream>>;
  readonly #isOpen = { primary: true, follower: true };

  constructor(world: Surroundings, primary: HostName, follower: HostName, network: Network) {
    this.#world = world;
    // By where what they carry is taken.
    this.#streams = {
      primary: new Stream(world, network, follower, primary),
      follower: new Stream(world, network, primary, follower),
    };
  }

  receiveAt(side: 'primary' | 'follower', receiver: Receiver): void {
    this.#streams[side].receiver = receiver;
  }

  isOpenAt(side: 'primary' | 'follower'): boolean {
    return this.#isOpen[side];
  }

  send(from: 'primary' | 'follower', frame: Frame): void {
    if (this.#isOpen[from]) this.#streams[otherThan(from)].send(frame);
  }

  close(side: 'primary' | 'follower'): void {
    if (!this.#isOpen[side]) return;
    this.#streams[otherThan(side)].send(null);
    this.#leave(side, this.#world.random.between(500, noticedAfterMs));
  }

  vanish(side: 'primary' | 'follower', silently: boolean): void {
    this.#streams[otherThan(side)].isBroken = true;
    if (!this.#isOpen[side]) return;
    this.#leave(side, silently ? this.#world.random.between(0, noticedAfterMs) : 1);
  }

  #leave(side: 'primary' | 'follower', noticedMs: number): void {
    this.#isOpen[side] = false;
    this.#streams[side].isClosed = true;
    const other = otherThan(side);
    this.#world.clock.after(noticedMs, () => {
      if (this.#isOpen[other]) this.#streams[other].receiver?.ended();
    });
  }
}

function otherThan(side: 'primary' | 'follower'): 'primary' | 'follower' {
  return side === 'primary' ? 'follower' : 'primary';
}
