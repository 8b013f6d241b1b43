interface Planned {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** The world's time, in milliseconds, and what is to happen in it; what is planned for the same moment happens in the order of planning. */
export class Clock {
  now = 0;
  /** A heap: the first to come is at its top. */
  readonly #planned: Planned[] = [];
  #order = 0;

  after(ms: number, run: () => void): void {
    const planned = this.#planned;
    const added: Planned = { at: this.now + ms, order: this.#order++, run };
    let at = planned.length;
    planned.push(added);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = planned[parent];
      if (!above || isBefore(above, added)) break;
      planned[at] = above;
      at = parent;
    }
    planned[at] = added;
  }

  every(ms: number, run: () => void): void {
    const again = (): void => {
      run();
      this.after(ms, again);
    };
    this.after(ms, again);
  }

  /** @param passes told of every stretch of time before what ends it happens */
  run(forMs: number, passes: (ms: number) => void): void {
    const end = this.now + forMs;
    for (let next = this.#planned[0]; next && next.at <= end; next = this.#planned[0]) {
      this.#removeFirst();
      const passed = next.at - this.now;
      if (passed > 0) {
        passes(passed);
        this.now = next.at;
      }
      next.run();
    }
    this.now = end;
  }

  #removeFirst(): void {
    const planned = this.#planned;
    const last = planned.pop();
    if (!last || planned.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const one = planned[left];
      if (!one) break;
      const other = planned[left + 1];
      const [child, below] = other && isBefore(other, one) ? [left + 1, other] : [left, one];
      if (isBefore(last, below)) break;
      planned[at] = below;
      at = child;
    }
    planned[at] = last;
  }
}
