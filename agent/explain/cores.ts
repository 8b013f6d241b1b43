import { isSave, type Save } from '../core/unsaved.ts';
import { quietUntil } from '../core/quiet.ts';
import { step } from '../core/step.ts';
import type { CoreEvent, Effect, Operation, Outcome } from '../core/types.ts';
import type { Host } from './host.ts';
import type { Mirror, Result } from './mirror.ts';
import type { Servers } from './server.ts';
import { later, otherThan, type Surroundings } from './surroundings.ts';
import type { ThirdVote } from './thirdVote.ts';

/** What a command came to. */
export interface Answered {
  readonly kind: string;
  readonly outcome: Outcome;
}

/** Drives the failover cores as agents do: feeds them with what happens, and carries out what they decide, in its order. */
export class Cores {
  readonly answered: Answered[] = [];
  readonly #world: Surroundings;
  readonly #parts: { readonly thirdVote: ThirdVote; readonly mirror: Mirror; readonly servers: Servers };
  readonly #fence: (host: Host) => void;
  readonly #commands = new Map<number, string>();

  /** @param fence powers a host off */
  constructor(
    world: Surroundings,
    parts: { readonly thirdVote: ThirdVote; readonly mirror: Mirror; readonly servers: Servers },
    fence: (host: Host) => void,
  ) {
    this.#world = world;
    this.#parts = parts;
    this.#fence = fence;
  }

  feed(host: Host, event: CoreEvent): void {
    const { now } = this.#world.clock;
    const { core } = host;
    if (core === null) return;
    if (host.standsStill(now)) {
      if (event.type !== 'tick') host.queue.push(event);
      return;
    }
    if (event.type === 'tick' && now < quietUntil(core)) return;
    const heardOn = [...host.heardOn].map(([network, at]) => ({ network, at }));
    const arbiterReachable = this.#parts.thirdVote.reaches(host);
    const { state, effects } = step(core, { ...event, now, arbiterReachable, heardOn });
    for (const effect of effects) if (isSave(effect)) save(host, effect, this.#world.clock.now);
    host.core = state;
    for (const effect of effects) this.#carryOut(host, effect);
    this.#world.trace.look(host);
  }

  /** What an operator, or the service manager, asks of a host. */
  command(host: Host, kind: Extract<CoreEvent, { type: 'command' }>['kind'], limitMs: number): void {
    const id = this.#commands.size + 1;
    this.#commands.set(id, kind);
    const deadline = this.#world.clock.now + limitMs;
    this.feed(host, { type: 'command', id, kind, deadline, arbiterReachable: this.#parts.thirdVote.reaches(host) });
  }

  #carryOut(host: Host, effect: Effect): void {
    const { thirdVote, mirror, servers } = this.#parts;
    switch (effect.type) {
      case 'saveDesired':
      case 'saveResolution':
      case 'saveMaintenance':
      case 'savePromisedDetection':
      case 'saveFailovers':
        // That was done before.
        return;
      case 'readArbiter':
        thirdVote.read(host);
        return;
      case 'propose':
        thirdVote.propose(host, effect.proposal);
        return;
      case 'operation':
        this.#operate(host, effect.number, effect.operation);
        return;
      case 'freeze':
        mirror.freeze(host);
        return;
      case 'startServer':
        servers.start(host);
        return;
      case 'stopServer':
        servers.stop(host);
        return;
      case 'commandDone':
        this.answered.push({ kind: this.#commands.get(effect.id) ?? '', outcome: effect.outcome });
        return;
      case 'log':
        this.#world.trace.say(host.name, effect.code, effect.message);
        return;
      case 'stateChanged':
      case 'reportFailover':
        return;
    }
  }

  #operate(host: Host, number: number, operation: Operation): void {
    const { life } = host;
    const done = (result: Result): void => {
      if (host.life !== life) return;
      if (typeof result === 'string') {
        this.feed(host, { type: 'operationFailed', operation: number, reason: result });
        return;
      }
      const { session, note = null } = result;
      const endpoint = session === undefined ? null : { session };
      this.feed(host, { type: 'operationDone', operation: number, replica: host.facts, endpoint, note });
    };
    if (operation.kind !== 'fencePeer') {
      this.#parts.mirror.operate(host, operation, done);
      return;
    }
    later(this.#world, host, this.#world.pace.fenceMs, () => {
      this.#fence(otherThan(this.#world, host));
      done({ note: 'by its device' });
    });
  }
}

/** A maintenance is nothing that is played. */
function save(host: Host, effect: Save, now: number): void {
  if (effect.type === 'saveDesired') host.desired = effect.desired;
  else if (effect.type === 'saveResolution') host.resolution = effect.resolution;
  else if (effect.type === 'savePromisedDetection') host.promisedDetectionMs = effect.promisedMs;
  else if (effect.type === 'saveFailovers') host.failovers = effect.agesMs.map((age) => now - age);
}
