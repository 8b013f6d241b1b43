/** What was made of certain things, until one of them is another one. */
export class Memo<T> {
  #inputs: readonly unknown[] | null = null;
  #value: T | null = null;

  /** @param make is called when any of `inputs`, compared by identity, is not what it was */
  of(inputs: readonly unknown[], make: () => T): T {
    const last = this.#inputs;
    if (last === null || last.length !== inputs.length || inputs.some((each, index) => !Object.is(each, last[index]))) {
      this.#value = make();
      this.#inputs = inputs;
    }
    return this.#value as T;
  }
}
