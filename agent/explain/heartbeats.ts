import { peerStatusOf } from '../core/status.ts';
import type { Host } from './host.ts';
import { later, otherThan, type Surroundings } from './surroundings.ts';

/** Each host tells the other one how it stands, over every network, and answers what it hears. */
export class Heartbeats {
  readonly #world: Surroundings;
  readonly #hurried = new Set<Host>();

  constructor(world: Surroundings, periodMs: number) {
    this.#world = world;
    for (const host of world.hosts) world.clock.every(periodMs, () => this.#tell(host));
  }

  /** What has changed on a host is told at once when it matters to the other one, as an agent does. */
  hurry(host: Host): void {
    if (this.#hurried.has(host)) return;
    this.#hurried.add(host);
    this.#world.clock.after(1, () => {
      this.#hurried.delete(host);
      this.#tell(host);
    });
  }

  #tell(host: Host): void {
    const { clock, networks, pace, feed } = this.#world;
    if (host.core === null || host.standsStill(clock.now)) return;
    const peer = otherThan(this.#world, host);
    const sentAt = clock.now;
    const status = peerStatusOf(host.core, sentAt);
    let isFirst = true;
    for (const network of networks.joining(host.name, peer.name)) {
      if (!networks.passes(host.name, peer.name, network)) continue;
      later(this.#world, peer, pace.networkMs, () => {
        if (!networks.passes(host.name, peer.name, network)) return;
        peer.heardOn.set(network, clock.now);
        // What came over another network is not told twice.
        if (!isFirst) return;
        isFirst = false;
        feed(peer, { type: 'peerStatus', status });
        later(this.#world, host, pace.networkMs, () => {
          if (networks.passes(host.name, peer.name, network)) feed(host, { type: 'heartbeatAnswered', sentAt });
        });
      });
    }
  }
}
