const FINISHING = -1;

/**
 * Whose turn it is on a follower, known to both of its threads: the number of the session that is going on, 0 for none. What one session has
 * asked for may be done long after that session ended, and must then not count as the end of another one's resync.
 */
export class SessionTurn {
  /** The session that goes on, and the last one whose resync has ended durably. */
  readonly #state: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.#state = new Int32Array(buffer);
  }

  get buffer(): SharedArrayBuffer {
    return this.#state.buffer as SharedArrayBuffer;
  }

  /** From here on session `number` (above 0, or 0 for none) goes on. Waits while the one before is being finished. */
  enter(number: number): void {
    for (;;) {
      const before = Atomics.load(this.#state, 0);
      if (before === FINISHING) Atomics.wait(this.#state, 0, FINISHING);
      else if (Atomics.compareExchange(this.#state, 0, before, number) === before) return;
    }
  }

  /** Runs `action` if session `number` still goes on, and keeps it from ending meanwhile. Returns whether it was run. */
  whileIn(number: number, action: () => void): boolean {
    if (Atomics.compareExchange(this.#state, 0, number, FINISHING) !== number) return false;
    try {
      action();
    } finally {
      Atomics.store(this.#state, 0, number);
      Atomics.notify(this.#state, 0);
    }
    return true;
  }

  /** The resync of session `number` is durably over, which its thread may learn a moment later. */
  noteFinished(number: number): void {
    Atomics.store(this.#state, 1, number);
  }

  hasFinished(number: number): boolean {
    return Atomics.load(this.#state, 1) === number;
  }
}
