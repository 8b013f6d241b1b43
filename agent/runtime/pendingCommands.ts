import { refusal } from '../core/refusal.ts';
import type { Outcome } from '../core/types.ts';

/** Commands that the core of a module has been given, until it says what came of them. */
export class PendingCommands {
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  readonly #module: string;
  #next = 1;
  #isClosed = false;

  constructor(module: string) {
    this.#module = module;
  }

  /** A command that is about to be given to the core, by this number. */
  begin(): { readonly id: number; readonly outcome: Promise<Outcome> } {
    const id = this.#next++;
    const outcome = new Promise<Outcome>((resolve) => this.#waiting.set(id, resolve));
    if (this.#isClosed) this.#giveUp();
    return { id, outcome };
  }

  done(id: number, outcome: Outcome): void {
    this.#waiting.get(id)?.(outcome);
    this.#waiting.delete(id);
  }

  /** The core hears nothing any more, so it would never answer. */
  close(): void {
    this.#isClosed = true;
    this.#giveUp();
  }

  #giveUp(): void {
    for (const id of [...this.#waiting.keys()]) {
      this.done(id, refusal('NOT_HEALTHY', `${this.#module} was closed on this host`));
    }
  }
}
