import { peerStatusOf } from '../../agent/core/status.ts';
import { heartbeatMs } from '../../agent/runtime/liveness.ts';
import type { Host } from './host.ts';
import { ownTime } from './host.ts';
import { networks } from './network.ts';
import { otherThan, type Surroundings } from './surroundings.ts';

/** As the cluster file says. */
const usualMs = 250;

/** As an agent does by the file of the module. */
function periodMs({ core, detectionMs }: Host): number {
  const failover = { detectionMs: core?.config.detectionMs ?? detectionMs };
  return heartbeatMs({ heartbeatMs: usualMs }, [{ failover }] as unknown as Parameters<typeof heartbeatMs>[1]);
}

/** Each host tells the other one how it stands, over every network, and answers what it hears. */
export class Heartbeats {
  readonly #world: Surroundings;
  #number = 0;

  constructor(world: Surroundings) {
    this.#world = world;
    for (const host of Object.values(world.hosts)) this.#beat(host);
  }

  #beat(host: Host): void {
    this.#world.clock.after(periodMs(host), () => {
      this.#tell(host);
      this.#beat(host);
    });
  }

  #tell(host: Host): void {
    const { clock, networks: network, feed } = this.#world;
    if (!host.core || !this.#acts(host)) return;
    const peer = otherThan(this.#world, host);
    const sentAt = ownTime(host, clock.now);
    const status = peerStatusOf(host.core, sentAt);
    const number = this.#number++;
    const [mine, its] = [host.program, peer.program];
    // What a program sent goes with its connections, and so does what was sent to it.
    const isOpen = (): boolean => host.program === mine && peer.program === its;
    for (const each of networks) {
      network.send(host.name, peer.name, each, () => {
        if (!isOpen() || !peer.core) return;
        peer.heardOn[each] = ownTime(peer, clock.now);
        // What came over the other network is not told twice, nor what this one delayed after newer words.
        if (number > peer.heard) {
          peer.heard = number;
          feed(peer, { type: 'peerStatus', status });
        }
        if (!this.#acts(peer)) return;
        network.send(peer.name, host.name, each, () => {
          if (isOpen()) feed(host, { type: 'heartbeatAnswered', sentAt });
        });
      });
    }
  }

  #acts({ pausedUntil, awayUntil }: Host): boolean {
    return Math.max(pausedUntil, awayUntil) <= this.#world.clock.now;
  }
}
