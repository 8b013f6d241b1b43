import { shownState } from '../core/status.ts';
import type { ExplainedEvent, TimelineEntry } from '../../schemas/explain.ts';
import type { Clock } from './clock.ts';
import type { Host } from './host.ts';

/** A beginning or an end of a server. */
export interface ServerTurn {
  readonly at: number;
  readonly host: string;
  readonly turn: 'starts' | 'stops' | 'dies' | 'killed' | 'power';
}

/** A replica was brought up to date. */
export interface ResyncDone {
  readonly at: number;
  readonly from: string;
  readonly to: string;
  /** `nothing`: both held the same. */
  readonly copied: 'nothing' | 'changes' | 'everything';
}

type View = Omit<TimelineEntry, 'atMs'>;

/** What happened, as it happened. Times are the clock's. */
export class Trace {
  readonly entries: TimelineEntry[] = [];
  readonly events: ExplainedEvent[] = [];
  readonly turns: ServerTurn[] = [];
  readonly resyncs: ResyncDone[] = [];
  /** When anything of it changed last. */
  changedAt = 0;
  readonly #clock: Clock;
  readonly #isFrozen: (host: Host) => boolean;
  readonly #last = new Map<string, View>();

  /** @param isFrozen whether what the server of a host writes waits */
  constructor(clock: Clock, isFrozen: (host: Host) => boolean) {
    this.#clock = clock;
    this.#isFrozen = isFrozen;
  }

  /** Notes how the module stands on a host, if that is something else than before. */
  look(host: Host): void {
    const view = { ...viewOf(host), frozen: host.hasServer && this.#isFrozen(host) };
    const last = this.#last.get(host.name);
    if (last && isSame(last, view)) return;
    this.#last.set(host.name, view);
    this.entries.push({ atMs: this.#clock.now, ...view });
    this.#touch();
  }

  say(host: string | null, code: string, text: string): void {
    this.events.push({ atMs: this.#clock.now, host, code, text });
  }

  turn(host: Host, turn: ServerTurn['turn']): void {
    this.turns.push({ at: this.#clock.now, host: host.name, turn });
    this.#touch();
  }

  resynced(done: Omit<ResyncDone, 'at'>): void {
    this.resyncs.push({ at: this.#clock.now, ...done });
    this.#touch();
  }

  #touch(): void {
    this.changedAt = this.#clock.now;
  }
}

function viewOf(host: Host): Omit<View, 'frozen'> {
  const { name, core, hasPower } = host;
  const server = host.hasDied ? 'stopped' : host.server;
  if (core === null) {
    const reason = hasPower ? 'its agent does not run' : 'it has no power';
    return { host: name, state: 'OFF', transition: null, epoch: 0, inSync: [], server, reason };
  }
  const { state, transition, reason } = shownState(core);
  const { epoch = 0, inSync = [] } = core.record ?? {};
  return { host: name, state, transition, epoch, inSync, server, reason };
}

function isSame(one: View, other: View): boolean {
  return (
    one.state === other.state &&
    one.transition === other.transition &&
    one.epoch === other.epoch &&
    (one.inSync === other.inSync || one.inSync.join() === other.inSync.join()) &&
    one.server === other.server &&
    one.reason === other.reason &&
    one.frozen === other.frozen
  );
}
