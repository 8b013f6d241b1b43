/** Ends a registration. */
export interface Registration {
  dispose(): void;
}

/** A list of listeners. */
export class Emitter<T> {
  readonly #listeners = new Set<(value: T) => void>();

  /** Registers `listener`; returns what ends that. */
  on(listener: (value: T) => void): Registration {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }

  /** Calls every listener that is registered now. */
  emit(value: T): void {
    for (const listener of [...this.#listeners]) listener(value);
  }

  dispose(): void {
    this.#listeners.clear();
  }
}
