interface Planned {
  readonly at: number;
  readonly run: () => void;
}

/** Time that passes only by what is planned in it, milliseconds; what is planned for the same moment happens in the order of planning. */
export class Clock {
  #now = 0;
  /** The next one is the last. */
  readonly #planned: Planned[] = [];

  get now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): void {
    const at = this.#now + Math.max(0, ms);
    let [low, high] = [0, this.#planned.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#planned[middle]?.at ?? 0) > at) low = middle + 1;
      else high = middle;
    }
    this.#planned.splice(low, 0, { at, run });
  }

  /** The first time after `ms`. */
  every(ms: number, run: () => void): void {
    const again = (): void => {
      run();
      this.after(ms, again);
    };
    this.after(ms, again);
  }

  /** @param isOver looked at between what happens: ends it before `end` */
  runUntil(end: number, isOver: () => boolean = () => false): void {
    for (let next = this.#planned.at(-1); next && next.at <= end; next = this.#planned.at(-1)) {
      if (isOver()) return;
      this.#planned.pop();
      this.#now = next.at;
      next.run();
    }
    this.#now = Math.max(this.#now, end);
  }
}
