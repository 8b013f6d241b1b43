import { arbiterFailed, proposalAnswered, recordRead } from '../../agent/arbiter/arbiterEvents.ts';
import { compareAndSet } from '../../agent/arbiter/compareAndSet.ts';
import { recordIn, resultIn, type WitnessMethod } from '../../agent/arbiter/witness.ts';
import type { ArbiterRecord, CoreEvent, Proposal } from '../../agent/core/types.ts';
import { Violation } from './checker.ts';
import { ownTime, type Host } from './host.ts';
import type { HostName } from './network.ts';
import { OwnRecord } from './ownRecord.ts';
import type { Surroundings } from './surroundings.ts';
import { Witness } from './witness.ts';

/** How long a host waits for the witness's answer. */
const answerLimitMs = 1000;
/** Of the questions and of the answers, whatever the network does. */
const lostShare = 0.02;
const module = 'web';

/** The third vote: a witness; or none, when the record lives on both hosts. */
export class Arbiter {
  readonly isNone: boolean;
  readonly witness: Witness;
  /** Copies of the witness's disk that somebody made, the newest last. */
  readonly copies: (string | null)[] = [];
  readonly #own: Readonly<Record<HostName, OwnRecord>>;
  /** The last record that somebody was told, by the witness or by the host itself. */
  readonly #told: Partial<Record<HostName | 'gamma', ArbiterRecord | null>> = {};
  readonly #world: Surroundings;

  constructor(world: Surroundings, isNone: boolean) {
    this.#world = world;
    this.isNone = isNone;
    const { alpha, beta } = world.hosts;
    this.#own = { alpha: new OwnRecord(alpha, world), beta: new OwnRecord(beta, world) };
    this.witness = new Witness(world, () => {
      // Every host asks what it holds.
      for (const host of [alpha, beta]) host.reachedArbiter = false;
    });
  }

  get isUp(): boolean {
    return this.witness.isUp;
  }

  set isUp(isUp: boolean) {
    this.witness.set(isUp);
  }

  reaches(host: Host): boolean {
    return this.isNone || (this.isUp && this.#world.networks.between(host.name, 'gamma') !== null);
  }

  /** Whether a host that has a copy of the record itself knows of a later one. */
  isCopyOld({ name, core }: Host): boolean {
    return this.isNone && (core?.record?.epoch ?? 0) > (this.#told[name]?.epoch ?? 0);
  }

  copyDisk(): void {
    this.copies.push(this.witness.text);
  }

  restore(copy: string | null): void {
    this.#replace(copy);
    this.#world.trace(`the witness is restored with a copy (epoch ${String(this.witness.record?.epoch ?? 0)})`);
  }

  wipe(): void {
    this.#world.trace('the witness is wiped');
    this.#replace(null);
  }

  #replace(text: string | null): void {
    this.witness.replace(text);
    this.#told.gamma = this.witness.record;
  }

  /** A host has lost its power. */
  losesPower({ name }: Host): void {
    this.#own[name].losesPower(this.#world.random);
  }

  /** Another machine is in a host's place. */
  losesRecord(host: HostName): void {
    this.#own[host].replace();
    this.#told[host] = null;
  }

  /** Another record has taken the place of the one that was to be replaced. */
  refuses({ expect, record }: Proposal): boolean {
    return !compareAndSet(this.witness.record, expect, record).granted;
  }

  read(host: Host): void {
    if (this.isNone) {
      this.#askItself(host, ({ records }) => recordRead(this.#tells(host, host.name, records.read(module))));
    } else this.#ask(host, 'arbiter.read', { module }, (answer) => recordRead(recordIn(answer)));
  }

  propose(host: Host, proposal: Proposal): void {
    const { expect, record } = proposal;
    const { checker, clock } = this.#world;
    checker.asks(host, proposal, host.core?.role.at === 'asking' && host.core.role.since === ownTime(host, clock.now));
    if (this.isNone) {
      this.#askItself(host, ({ records }) => {
        this.#tells(host, host.name, records.read(module));
        const result = records.propose(module, expect, record);
        this.#tells(host, host.name, result.granted ? result.record : result.current);
        return proposalAnswered(result, record);
      });
    } else {
      this.#ask(host, 'arbiter.propose', { module, expect, record }, (answer) =>
        proposalAnswered(resultIn(answer, record), record),
      );
    }
  }

  /** From the moment in which a host is told of a record it counts; what was told is never taken back. @param holder who tells it */
  #tells(host: Host, holder: HostName | 'gamma', record: ArbiterRecord | null): ArbiterRecord | null {
    const before = this.#told[holder] ?? null;
    if (before?.proposal === record?.proposal) return record;
    const { checker, trace } = this.#world;
    this.#told[holder] = record;
    if (record === null || record.epoch < (before?.epoch ?? 0)) {
      return checker.fail(`${holder} has told of epoch ${String(before?.epoch)}, and has forgotten it`);
    }
    // What the other host was granted without an arbiter.
    if (this.isNone && checker.wasGranted(record)) return record;
    const { epoch, primary, inSync } = record;
    trace(`arbiter grants epoch ${String(epoch)} primary ${primary} in sync ${inSync.join(',')}`);
    checker.granted(host, before, record);
    return record;
  }

  #askItself(host: Host, ask: (own: OwnRecord) => CoreEvent): void {
    const { clock, random, feed } = this.#world;
    const { program } = host;
    clock.after(random.between(1, 20), () => {
      if (host.program === program) {
        feed(
          host,
          answered(() => ask(this.#own[host.name])),
        );
      }
    });
  }

  /** Question and answer may each be lost; the witness decides when the question arrives, which may be long after it was given up. */
  #ask(
    host: Host,
    method: WitnessMethod,
    params: Record<string, unknown>,
    read: (answer: Record<string, unknown>) => CoreEvent,
  ): void {
    const { clock, random, networks, feed } = this.#world;
    const { program } = host;
    let isOver = false;
    const over = (event: CoreEvent): void => {
      if (isOver || host.program !== program) return;
      isOver = true;
      feed(host, event);
    };
    clock.after(answerLimitMs, () => {
      // As a link that loses what it is given is made anew, and then the record is read again.
      if (!isOver) host.reachedArbiter = false;
      over({ type: 'arbiterUnreachable' });
    });
    if (random.next() < lostShare) return;
    const { life } = this.witness;
    networks.send(host.name, 'gamma', 'lan', () => {
      if (this.witness.life !== life) return;
      const text = this.witness.answer(JSON.stringify({ method, params }));
      if (text === null) return;
      const { answer, error } = JSON.parse(text) as { answer?: Record<string, unknown>; error?: string };
      if (answer) this.#tells(host, 'gamma', (answer['record'] ?? answer['current'] ?? null) as ArbiterRecord | null);
      if (random.next() < lostShare) return;
      networks.send('gamma', host.name, 'lan', () =>
        over(answered(() => (answer ? read(answer) : arbiterFailed(new Error(error))))),
      );
    });
  }
}

function answered(read: () => CoreEvent): CoreEvent {
  try {
    return read();
  } catch (error) {
    if (error instanceof Violation) throw error;
    return arbiterFailed(error);
  }
}
