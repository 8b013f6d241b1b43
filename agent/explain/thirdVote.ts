import { proposalAnswered, recordRead } from '../arbiter/arbiterEvents.ts';
import { RecordStore } from '../arbiter/recordStore.ts';
import type { CoreEvent, Proposal } from '../core/types.ts';
import { recordsInMemory, type Host } from './host.ts';
import { later, type Surroundings } from './surroundings.ts';

/** As long as an agent waits for the arbiter's answer. */
const answerLimitMs = 1000;

/** The arbiter: records as every arbiter of the agent keeps them, in one place; or none, when each host keeps its own. */
export class ThirdVote {
  isUp = true;
  readonly #world: Surroundings;
  /** Null: there is no arbiter. */
  readonly #place: string | null;
  readonly #records = new RecordStore(recordsInMemory());

  constructor(world: Surroundings, place: string | null) {
    this.#world = world;
    this.#place = place;
  }

  reaches({ name }: Host): boolean {
    return this.#place === null || this.#world.networks.between(name, this.#place) !== null;
  }

  read(host: Host): void {
    const { module } = this.#world;
    if (this.#place === null) this.#askItself(host, () => recordRead(host.ownRecords.read(module)));
    else this.#ask(host, () => recordRead(this.#records.read(module)));
  }

  propose(host: Host, { expect, record }: Proposal): void {
    const { module } = this.#world;
    if (this.#place === null) {
      this.#askItself(host, () => proposalAnswered(host.ownRecords.propose(module, expect, record), record));
    } else this.#ask(host, () => proposalAnswered(this.#records.propose(module, expect, record), record));
  }

  #askItself(host: Host, answer: () => CoreEvent): void {
    later(this.#world, host, this.#world.pace.recordMs, () => this.#world.feed(host, answer()));
  }

  #ask(host: Host, answer: () => CoreEvent): void {
    const { clock, pace, feed } = this.#world;
    const until = clock.now + answerLimitMs;
    const giveUp = (): void =>
      later(this.#world, host, until - clock.now, () =>
        feed(host, { type: 'arbiterUnreachable', reason: `${this.#place ?? ''} does not answer` }),
      );
    later(this.#world, host, pace.networkMs + pace.recordMs, () => {
      if (!this.reaches(host)) {
        giveUp();
        return;
      }
      const event = answer();
      later(this.#world, host, pace.networkMs, () => {
        if (this.reaches(host)) feed(host, event);
        else giveUp();
      });
    });
  }
}
