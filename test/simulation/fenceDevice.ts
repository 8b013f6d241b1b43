import type { Host } from './host.ts';
import type { HostName } from './network.ts';
import { otherThan, type Surroundings } from './surroundings.ts';

/** What switches the hosts' power. */
export class FenceDevice {
  /** It does not answer. */
  isDead = false;
  /** Beyond the usual. */
  slowMs = 0;
  /** It fails, and another one is used then. */
  hasSpare = false;
  readonly #world: Surroundings;
  readonly #power: { readonly off: (name: HostName) => void; readonly on: (name: HostName) => void };

  constructor(world: Surroundings, power: { off: (name: HostName) => void; on: (name: HostName) => void }) {
    this.#world = world;
    this.#power = power;
  }

  /**
   * Resets the other host, and tells its fencer; one that crashes in between hears nothing, and the other host is reset all the same.
   * @param isWanted asked before the spare one is used, as by the agent
   */
  fence(by: Host, isWanted: () => boolean, done: (result: string | null) => void): void {
    const { clock, random, trace } = this.#world;
    const target = otherThan(this.#world, by);
    const { life } = by;
    const answer = (result: string | null): void => {
      if (by.life !== life) return;
      // A host that stands still hears of it when it goes on.
      if (by.pausedUntil > clock.now) clock.after(by.pausedUntil - clock.now, () => answer(result));
      else done(result);
    };
    const use = (isSpare: boolean): void => {
      clock.after(random.between(200, 1500) + (isSpare ? 0 : this.slowMs), () => {
        if (this.hasSpare && !isSpare) {
          trace('the first power switch has failed');
          if (isWanted()) use(true);
          else answer('no module waits for that now');
          return;
        }
        if (this.isDead) {
          answer('no answer from the power switch');
          return;
        }
        trace(`${target.name} is fenced`);
        this.#power.off(target.name);
        clock.after(random.between(1500, 6000), () => this.#power.on(target.name));
        clock.after(random.between(10, 300), () => answer(null));
      });
    };
    use(false);
  }
}
