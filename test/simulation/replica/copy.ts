import { ToFollower, ToPrimary } from '../../../agent/mirror/link/protocol.ts';
import type { ReplicaRecord } from '../../../agent/mirror/mirror.ts';
import type { Resync } from '../../../agent/mirror/replica/replication.ts';
import { Ledger } from '../../../agent/mirror/resync/ledger.ts';
import type { ResyncKind } from '../../../agent/mirror/resync/resyncContext.ts';
import type { Link } from './link.ts';

/** A zone as a resync sends it. */
export interface SentZone {
  readonly zone: number;
  /** Whether the primary has the write in it. */
  readonly isThere: boolean;
}

interface Surroundings {
  readonly link: Link;
  readonly kind: ResyncKind;
  readonly cause: string;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  /** What the primary's own marks name, or everything it has. */
  readonly ownZones: () => Iterable<number>;
  /** Waits for what this host's disk is at work on. */
  readonly drain: () => void;
  readonly isThere: (zone: number) => boolean;
  /** Everything was sent. */
  readonly onEnd: () => void;
  /** Told once what is to be compared; calls back when it may be sent. */
  readonly compare: (zones: ReadonlySet<number>, goOn: () => void) => void;
  readonly onComplete: () => void;
}

/**
 * What a resync does to the contents: the zones that the marks of either replica name, or all, are sent in their place in the stream of changes.
 * What is asked and answered for that is the simulation's own; when it is to be done, and what its end means, is not.
 */
export class Copy implements Resync {
  complete = false;
  readonly #of: Surroundings;
  readonly #ledger: Ledger;
  #isOver = false;

  constructor(of: Surroundings) {
    this.#of = of;
    this.#ledger = new Ledger(of.kind, of.cause, of.now());
    of.link.sendJson(ToFollower.begin, { kind: of.kind });
    of.link.send(ToFollower.directory);
  }

  summary(): ReturnType<Resync['summary']> {
    const now = this.#of.now();
    return { progress: this.#ledger.progress(now), durationMs: now - this.#ledger.startedAt };
  }

  finish(record: ReplicaRecord, syncId: string): void {
    this.complete = false;
    this.#of.onEnd();
    this.#of.link.sendJson(ToFollower.finish, { syncId, missed: 0, record });
  }

  resume(): void {
    this.complete = true;
  }

  end(): void {
    this.#isOver = true;
  }

  onAnswer(type: number, payload: Buffer): void {
    if (type !== ToPrimary.directoryCompared) return;
    const theirs = JSON.parse(payload.toString('utf8')) as number[];
    const zones = new Set([...this.#of.ownZones(), ...theirs]);
    // Some of it is there when the rest is still to come, or never comes.
    this.#send([...zones].filter((zone) => zone % 2 === 0));
    this.#of.compare(zones, () => {
      if (this.#isOver) return;
      this.#send([...zones].filter((zone) => zone % 2 !== 0));
      this.complete = true;
      this.#of.onComplete();
    });
  }

  #send(zones: readonly number[]): void {
    // What was sent has to be in the files before they are read.
    this.#of.drain();
    for (const zone of zones) {
      this.#of.link.sendJson(ToFollower.content, { zone, isThere: this.#of.isThere(zone) } satisfies SentZone);
    }
  }
}
