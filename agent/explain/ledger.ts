/** What the server wrote that counts: every acknowledged write, and on which host its server ran. */
export interface Acknowledged {
  readonly write: number;
  readonly at: number;
  readonly by: string;
}

/** The writes of the one server that there is to be. A write is a number; a replica holds a set of them. */
export class Ledger {
  readonly acknowledged: Acknowledged[] = [];
  #next = 1;
  /** The longest that a write had to wait since that was last asked, by the host whose server wrote it. */
  readonly #waited = new Map<string, number>();

  next(): number {
    return this.#next++;
  }

  /** @param since when it was written */
  acknowledge(write: number, since: number, at: number, by: string): void {
    this.acknowledged.push({ write, at, by });
    this.noteWait(by, at - since);
  }

  noteWait(by: string, ms: number): void {
    this.#waited.set(by, Math.max(this.#waited.get(by) ?? 0, ms));
  }

  /** Milliseconds. */
  takeWaits(): ReadonlyMap<string, number> {
    const waits = new Map(this.#waited);
    this.#waited.clear();
    return waits;
  }

  /** What was acknowledged, and a replica does not hold. */
  missingIn(writes: ReadonlySet<number>): readonly Acknowledged[] {
    return this.acknowledged.filter(({ write }) => !writes.has(write));
  }
}
