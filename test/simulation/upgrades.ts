import { continued, handedCore, type HandedCore } from '../../agent/core/handOver.ts';
import type { ModuleCoreState } from '../../agent/core/types.ts';
import { ownTime, wallTime, type Host } from './host.ts';
import type { Surroundings } from './surroundings.ts';

interface Upgrade {
  readonly host: Host;
  readonly life: number;
  readonly awayMs: number;
  readonly version: number;
}

/** Replaces agents by other programs while they serve. */
export class Upgrades {
  /** Those that went through with a module in hand. */
  done = 0;
  readonly #underWay = new Map<number, Upgrade>();
  readonly #world: Surroundings;
  readonly #begin: (host: Host) => ModuleCoreState;

  /** @param begin the core of a program that was just started on the host */
  constructor(world: Surroundings, begin: (host: Host) => ModuleCoreState) {
    this.#world = world;
    this.#begin = begin;
  }

  isUnderWay(host: Host): boolean {
    return host.awayUntil > this.#world.clock.now || [...this.#underWay.values()].some((each) => each.host === host);
  }

  /** @param command the number of the command that detaches the module first */
  add(command: number, host: Host, awayMs: number, version: number): void {
    this.#underWay.set(command, { host, life: host.life, awayMs, version });
  }

  commandDone(id: number, ok: boolean): void {
    const upgrade = this.#underWay.get(id);
    if (!upgrade) return;
    const { clock, feed } = this.#world;
    const { host, life } = upgrade;
    clock.after(ok ? 100 : 0, () => {
      // Until now: a host carries out one upgrade at a time.
      this.#underWay.delete(id);
      if (host.life !== life || !host.core) return;
      const handed = ok && host.pausedUntil <= clock.now ? handedCore(host.core, ownTime(host, clock.now)) : null;
      if (handed === null) feed(host, { type: 'attachAgain' });
      else this.#replace(upgrade, handed);
    });
  }

  #replace({ host, life, awayMs, version }: Upgrade, handed: HandedCore): void {
    const { clock, trace } = this.#world;
    trace(`${host.name} is replaced, for ${String(Math.round(awayMs))} ms nobody is there`);
    host.awayUntil = clock.now + awayMs;
    clock.after(awayMs, () => {
      if (host.life !== life || !host.core) return;
      this.done += 1;
      host.version = version;
      host.core = continued(this.#begin(host), handed, ownTime(host, clock.now));
      host.disk.failovers = handed.failoversAgoMs.map((age) => wallTime(host, clock.now) - age);
    });
  }
}
