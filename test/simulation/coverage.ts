import { transitions, type Transition } from '../../agent/core/transitions.ts';
import type { Move } from '../../agent/core/types.ts';

function keyOf({ from, to, on }: Move): string {
  return `${from} > ${to} by ${on}`;
}

/** Which transitions of the core were seen. */
export class Coverage {
  readonly #known = new Map(transitions.map((each) => [keyOf(each), each]));
  readonly #seen = new Set<string>();

  /** Returns whether the core may do this. */
  add(move: Move): boolean {
    const key = keyOf(move);
    if (!this.#known.has(key)) return false;
    this.#seen.add(key);
    return true;
  }

  /** For {@link merge}. */
  get seen(): readonly string[] {
    return [...this.#seen];
  }

  /** What another one has seen. */
  merge(seen: readonly string[]): void {
    for (const key of seen) this.#seen.add(key);
  }

  get total(): number {
    return this.#known.size;
  }

  get missing(): readonly Transition[] {
    return [...this.#known].filter(([key]) => !this.#seen.has(key)).map(([, each]) => each);
  }
}
