import type { PendingFile, PendingVersion } from '../config/pendingVersion.ts';

export interface FileDoubtOptions {
  readonly file: PendingFile;
  /** Keeps modules of this host closed, which are stopped; null: no longer. @param names null: all of them */
  readonly hold: (reason: string | null, names: readonly string[] | null) => Promise<void>;
}

/**
 * A version that changes what must not change while a module runs, from when this host agrees to it until it knows what became of it. Kept over
 * restarts; so long the modules are closed.
 */
export class FileDoubt {
  readonly #options: FileDoubtOptions;
  #about: PendingVersion | null = null;

  constructor(options: FileDoubtOptions) {
    this.#options = options;
  }

  /** Null: this host knows what became of all that it has agreed to. */
  get about(): PendingVersion | null {
    return this.#about;
  }

  /** What is in doubt, and what to do. */
  get reason(): string | null {
    if (this.#about === null) return null;
    const { number, host, modules } = this.#about;
    const what = modules === null ? 'the arbiter is' : `${modules.join(', ')} ${modules.length > 1 ? 'are' : 'is'}`;
    return `${what} about to change by version ${String(number)} of the files, and ${host} has not told yet whether it is applied: bring ${host} back. When it is gone for good and no other host runs by that version, remove ${this.#options.file.path} and restart the agent`;
  }

  /** Goes on with what an earlier run of the agent has left, unless it is known to be settled. */
  async resume(isSettled: (about: PendingVersion) => boolean): Promise<void> {
    const about = this.#options.file.read();
    if (about === null) return;
    if (isSettled(about)) this.#options.file.remove();
    else await this.#hold(about);
  }

  /** Durable when it resolves, and the modules closed. */
  async begin(about: PendingVersion): Promise<void> {
    this.#options.file.save(about);
    await this.#hold(about);
  }

  async end(): Promise<void> {
    if (this.#about === null) return;
    this.#options.file.remove();
    this.#about = null;
    await this.#options.hold(null, null);
  }

  async #hold(about: PendingVersion): Promise<void> {
    this.#about = about;
    await this.#options.hold(this.reason, about.modules);
  }
}
