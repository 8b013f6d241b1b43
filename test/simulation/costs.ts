import type { Checker } from './checker.ts';
import type { Clock } from './clock.ts';
import { hasLostWrites, type Host } from './host.ts';

/** A pair that has been well for so many rounds of clearing marks has cleared those of everything that was written before. */
const roundsToClear = 4;

/** A resync costs what changed: knows when which zone was written, and until when both replicas are known to be equal. */
export class Costs {
  readonly #writtenAt = new Map<number, number>();
  /** When the last rounds began; empty: something has been amiss since. */
  #wellRounds: number[] = [];
  /** Both replicas hold what was written before, durably, and both had the time to clear the marks of it. */
  #equalUntil = 0;
  #endedAt = 0;
  readonly #clock: Clock;
  readonly #checker: Checker;

  constructor(clock: Clock, checker: Checker) {
    this.#clock = clock;
    this.#checker = checker;
  }

  writes(zone: number): void {
    this.#writtenAt.set(zone, this.#clock.now);
  }

  /** A round of clearing marks is due. @param isWell whether nothing is in its way */
  round(primary: Host, follower: Host, isWell: boolean): void {
    if (!isWell) {
      this.#wellRounds = [];
      return;
    }
    this.#wellRounds = [...this.#wellRounds, this.#clock.now].slice(-roundsToClear);
    const [first] = this.#wellRounds;
    if (first === undefined || this.#wellRounds.length < roundsToClear) return;
    this.#equalUntil = Math.max(this.#equalUntil, first);
    for (const host of [primary, follower]) {
      this.#expectFew(host.disk.marks, `is marked on ${host.name}, which is in sync`);
    }
  }

  /** A resync compares everything only where no earlier one tells what may differ. */
  comparesAll(primary: Host, follower: Host): void {
    const isKnown = [primary, follower].every(
      (host) => host.disk.syncId !== null && !host.disk.isReplaced && !hasLostWrites(host),
    );
    if (isKnown) this.#checker.fail(`a resync from ${primary.name} into ${follower.name} compares everything`);
  }

  /** @param zones that it compares */
  comparesZones(zones: ReadonlySet<number>): void {
    this.#expectFew(zones, 'is compared by a resync');
  }

  /** A resync has sent everything: what is written from here on is marked anew. */
  resyncEnds(): void {
    this.#endedAt = this.#clock.now;
  }

  /** That is durable on both. A disk that lost something may have lost what was marked long ago. @param isSound whether no disk has */
  inStep(isSound: boolean): void {
    this.#wellRounds = [];
    this.#equalUntil = isSound ? this.#endedAt : 0;
  }

  #expectFew(zones: ReadonlySet<number>, what: string): void {
    for (const zone of zones) {
      const at = this.#writtenAt.get(zone) ?? 0;
      if (at >= this.#equalUntil) continue;
      this.#checker.fail(
        `the zone of write ${String(zone)} ${what}, although both replicas have been equal there since ${(this.#equalUntil / 1000).toFixed(3)}`,
      );
    }
  }
}
