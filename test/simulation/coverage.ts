import { transitions, type Transition } from '../../agent/core/transitions.ts';
import type { Move } from '../../agent/core/types.ts';

function keyOf({ from, to, on }: Move): string {
  return `${from} > ${to} by ${on}`;
}

/** Which transitions of the core were seen. */
export class Coverage {
  readonly #known = new Map(transitions.map((each) => [keyOf(each), each]));
  readonly #seen = new Map<string, number>();

  /** Returns whether the core may do this. */
  add(move: Move): boolean {
    const key = keyOf(move);
    if (!this.#known.has(key)) return false;
    this.#seen.set(key, (this.#seen.get(key) ?? 0) + 1);
    return true;
  }

  get covered(): number {
    return this.#seen.size;
  }

  get total(): number {
    return this.#known.size;
  }

  get missing(): readonly Transition[] {
    return [...this.#known].filter(([key]) => !this.#seen.has(key)).map(([, each]) => each);
  }
}
