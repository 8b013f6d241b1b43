import type { Command } from '../../agent/core/types.ts';
import type { Arbiter } from './arbiter.ts';
import { ownTime } from './host.ts';
import type { HostName } from './network.ts';
import type { Surroundings } from './surroundings.ts';

const commandLimitMs = 60_000;

/** What operators ask of a host; returned is whether there is anybody to be asked. */
export class Operators {
  #next = 1;
  readonly #world: Surroundings;
  readonly #arbiter: Arbiter;
  readonly #disturb: () => void;

  /** @param disturb is told that what follows need not come of a lost witness */
  constructor(world: Surroundings, arbiter: Arbiter, disturb: () => void) {
    this.#world = world;
    this.#arbiter = arbiter;
    this.#disturb = disturb;
  }

  /** The number of the next command. */
  get next(): number {
    return this.#next;
  }

  command(name: HostName, kind: Command['kind'], keep: HostName | null = null, anyway = false): boolean {
    const { hosts, clock, feed, trace } = this.#world;
    const host = hosts[name];
    const id = this.#next++;
    if (!host.core) return false;
    this.#disturb();
    trace(`command ${kind} on ${name}${keep ? ` keep ${keep}` : ''}${anyway ? ' anyway' : ''}`);
    const deadline = ownTime(host, clock.now) + commandLimitMs;
    feed(host, { type: 'command', id, kind, keep, anyway, deadline, arbiterReachable: this.#arbiter.reaches(host) });
    return true;
  }

  /** Drains a host, or takes that back. */
  drain(name: HostName, drain: boolean): boolean {
    const { hosts, feed, trace } = this.#world;
    const host = hosts[name];
    if (!host.core) return false;
    trace(`${name} is ${drain ? 'drained' : 'undrained'}`);
    host.disk.drained = drain;
    feed(host, { type: 'hostDrain', drain: drain ? 'drained' : null });
    if (drain) this.command(name, 'drain');
    return true;
  }

  /** Begins a maintenance, or ends it (null). */
  maintain(name: HostName, forMs: number | null, reason: string | null = null): boolean {
    const { hosts, clock, feed, trace } = this.#world;
    const host = hosts[name];
    if (!host.core) return false;
    this.#disturb();
    const kind = forMs === null ? 'endMaintenance' : 'beginMaintenance';
    trace(`command ${kind} on ${name}`);
    feed(host, {
      type: 'command',
      id: this.#next++,
      kind,
      maintenance: { forMs: forMs ?? 0, reason, by: 'an operator' },
      deadline: ownTime(host, clock.now) + commandLimitMs,
      arbiterReachable: true,
    });
    return true;
  }

  /** Something that only the agent knows of stands in the way of a failback. */
  hinderFailback(name: HostName, hindrance: string | null): void {
    const { hosts, feed, trace } = this.#world;
    trace(`failback from ${name} ${hindrance === null ? 'is free' : `waits for ${hindrance}`}`);
    feed(hosts[name], { type: 'failbackHindered', hindrance });
  }
}
