import { compareAndSet } from '../../agent/arbiter/compareAndSet.ts';
import type { ArbiterRecord, CoreEvent, Proposal } from '../../agent/core/types.ts';
import type { Host } from './host.ts';
import type { Surroundings } from './surroundings.ts';

/** How long a host waits for the witness's answer. */
const answerLimitMs = 1000;
/** Of the questions and of the answers, whatever the network does. */
const lostShare = 0.02;

/** Of a host that is its own arbiter. */
const notSaved: CoreEvent = { type: 'arbiterUnreachable', reason: 'EIO: input/output error' };

/** The third vote: a witness that crashes, forgets and remembers wrongly; or none, when the record lives on both hosts. */
export class Arbiter {
  isUp = true;
  record: ArbiterRecord | null = null;
  /** Copies of its disk that somebody made, the newest last. */
  readonly copies: (ArbiterRecord | null)[] = [];
  readonly isNone: boolean;
  /** Of its program: what was sent to one goes with its connections. */
  #life = 0;
  readonly #world: Surroundings;

  constructor(world: Surroundings, isNone: boolean) {
    this.#world = world;
    this.isNone = isNone;
  }

  reaches(host: Host): boolean {
    return this.isNone || (this.isUp && this.#world.networks.between(host.name, 'gamma') !== null);
  }

  /** It is restarted, and so every host asks what it holds. */
  #restarted(): void {
    this.#life += 1;
    for (const host of Object.values(this.#world.hosts)) host.reachedArbiter = false;
  }

  copyDisk(): void {
    this.copies.push(this.record);
  }

  restore(copy: ArbiterRecord | null): void {
    this.#world.trace(`the witness is restored with a copy (epoch ${String(copy?.epoch ?? 0)})`);
    this.record = copy;
    this.#restarted();
  }

  wipe(): void {
    this.#world.trace('the witness is wiped');
    this.record = null;
    this.#restarted();
  }

  /** Another record has taken the place of the one that was to be replaced. */
  refuses({ expect, record }: Proposal): boolean {
    return !compareAndSet(this.record, expect, record).granted;
  }

  read(host: Host): void {
    this.#ask(host, () => ({ type: 'arbiterRead', record: this.#recordOf(host) }));
  }

  propose(host: Host, { expect, record }: Proposal): void {
    this.#ask(host, () => {
      const current = this.#recordOf(host);
      const result = compareAndSet(current, expect, record);
      if (!result.granted) return { type: 'proposalRefused', proposal: record.proposal, current: result.current };
      if (result.record === current) return { type: 'proposalGranted', record: current };
      if (!this.isNone) this.record = record;
      else if (!this.#save(host, record)) return notSaved;
      const { epoch, primary, inSync } = record;
      this.#world.trace(`arbiter grants epoch ${String(epoch)} primary ${primary} in sync ${inSync.join(',')}`);
      this.#world.checker.granted(host, current, record);
      return { type: 'proposalGranted', record };
    });
  }

  #recordOf(host: Host): ArbiterRecord | null {
    return this.isNone ? host.disk.record : this.record;
  }

  /** Without an arbiter each host learns of a newer record with the other's heartbeats. Returns whether it has it durably. */
  #adopts(host: Host): boolean {
    const told = host.core?.peer.status?.record ?? null;
    const isNewer = told !== null && told.epoch > (host.disk.record?.epoch ?? 0);
    return !isNewer || this.#save(host, told);
  }

  #save(host: Host, record: ArbiterRecord): boolean {
    if (host.disk.refusesUntil > this.#world.clock.now) return false;
    host.disk.record = record;
    return true;
  }

  /** Question and answer may each be lost; the arbiter decides when the question arrives, which may be long after it was given up. */
  #ask(host: Host, decide: () => CoreEvent): void {
    const { clock, random, networks, feed } = this.#world;
    const { program } = host;
    let isOver = false;
    const answer = (event: CoreEvent): void => {
      if (isOver || host.program !== program) return;
      isOver = true;
      feed(host, event);
    };
    if (this.isNone) {
      clock.after(random.between(1, 20), () => answer(this.#adopts(host) ? decide() : notSaved));
      return;
    }
    clock.after(answerLimitMs, () => {
      // As a link that loses what it is given is made anew, and then the record is read again.
      if (!isOver) host.reachedArbiter = false;
      answer({ type: 'arbiterUnreachable' });
    });
    if (random.next() < lostShare) return;
    const life = this.#life;
    networks.send(host.name, 'gamma', 'lan', () => {
      if (this.#life !== life) return;
      const event = decide();
      if (random.next() >= lostShare) networks.send('gamma', host.name, 'lan', () => answer(event));
    });
  }
}
