import type { Host } from './host.ts';
import type { HostName } from './network.ts';
import { otherThan, type Surroundings } from './surroundings.ts';

/** What switches the hosts' power. */
export class FenceDevice {
  /** It does not answer. */
  isDead = false;
  /** Beyond the usual. */
  slowMs = 0;
  readonly #world: Surroundings;
  readonly #power: { readonly off: (name: HostName) => void; readonly on: (name: HostName) => void };

  constructor(world: Surroundings, power: { off: (name: HostName) => void; on: (name: HostName) => void }) {
    this.#world = world;
    this.#power = power;
  }

  /** Resets the other host, and tells its fencer; one that crashes in between hears nothing, and the other host is reset all the same. */
  fence(by: Host, done: (result: string | null) => void): void {
    const { clock, random, trace } = this.#world;
    const target = otherThan(this.#world, by);
    const { life } = by;
    const answer = (result: string | null): void => {
      if (by.life !== life) return;
      // A host that stands still hears of it when it goes on.
      if (by.pausedUntil > clock.now) clock.after(by.pausedUntil - clock.now, () => answer(result));
      else done(result);
    };
    clock.after(random.between(200, 1500) + this.slowMs, () => {
      if (this.isDead) {
        answer('no answer from the power switch');
        return;
      }
      trace(`${target.name} is fenced`);
      this.#power.off(target.name);
      clock.after(random.between(1500, 6000), () => this.#power.on(target.name));
      clock.after(random.between(10, 300), () => answer(null));
    });
  }
}
