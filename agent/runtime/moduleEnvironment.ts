import type { ShownState } from '../core/status.ts';

/** What scripts and hooks are told of a module, in the words that people see. */
export class ModuleEnvironment {
  readonly #peer: string;
  #now: Pick<ShownState, 'state' | 'transition'> = { state: 'STOP', transition: null };
  /** The last state that was no transition, and the one before. */
  #settled: ShownState['state'] = 'STOP';
  #before: ShownState['state'] = 'STOP';

  constructor(peer: string) {
    this.#peer = peer;
  }

  /** Call with every change, before anybody is told anything. */
  note({ state, transition }: Pick<ShownState, 'state' | 'transition'>): void {
    this.#now = { state, transition };
    if (transition !== null || state === this.#settled) return;
    this.#before = this.#settled;
    this.#settled = state;
  }

  /** On the way to a state the previous one is that which is left. */
  variables(): Readonly<Record<string, string>> {
    const { state, transition } = this.#now;
    return {
      UNDERSTUDY_PEER: this.#peer,
      UNDERSTUDY_STATE: state,
      UNDERSTUDY_PREVIOUS_STATE: transition === null || state === this.#settled ? this.#before : this.#settled,
    };
  }
}
