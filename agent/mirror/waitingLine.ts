/**
 * Things that wait, each of them once, in the order in which they came. A set alone would do, but finds its first member ever more slowly while
 * it is emptied from the front: it looks through the places of those that have left.
 */
export class WaitingLine<T> {
  readonly #members = new Set<T>();
  /** Goes on behind the last first one. Whoever joins later is still ahead of it. */
  #rest = this.#members.values();
  #first: T | undefined;

  get size(): number {
    return this.#members.size;
  }

  has(one: T): boolean {
    return this.#members.has(one);
  }

  /** Who waits already keeps the place. */
  add(one: T): void {
    this.#members.add(one);
  }

  /** @returns whether it waited */
  delete(one: T): boolean {
    if (this.#first === one) this.#first = undefined;
    return this.#members.delete(one);
  }

  /** Who has waited longest; undefined when nobody waits. */
  get first(): T | undefined {
    if (this.#first === undefined && this.#members.size > 0) {
      this.#first = this.#rest.next().value;
      if (this.#first === undefined) {
        // An iterator that came to the end stays there.
        this.#rest = this.#members.values();
        this.#first = this.#rest.next().value;
      }
    }
    return this.#first;
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#members.values();
  }
}
