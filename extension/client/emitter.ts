/** Ends a registration. */
export interface Registration {
  dispose(): void;
}

/** A list of listeners. */
export class Emitter<T> {
  readonly #listeners = new Set<(value: T) => void>();

  /** @param report gets what a listener throws: neither other listeners nor whoever emits can do anything about it */
  constructor(private readonly report: (error: unknown) => void = throwLater) {}

  /** Registers `listener`; returns what ends that. */
  on(listener: (value: T) => void): Registration {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }

  /** Calls every listener that is registered now. */
  emit(value: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        this.report(error);
      }
    }
  }

  dispose(): void {
    this.#listeners.clear();
  }
}

/** Leaves it to the editor, which logs what nobody catches together with the extension's name. */
function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
