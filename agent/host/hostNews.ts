import type { LinkModule, LinkVersion } from '../../schemas/generated/link.ts';

type Modules = Readonly<Record<string, LinkModule>>;

/** What is new of what is told to and heard from one host, which is the same over all networks: for that nothing need be done twice. */
export class HostNews {
  #told: { readonly modules: Modules; readonly version: LinkVersion; readonly text: string } | null = null;
  #heard: { readonly modules: Record<string, LinkModule>; readonly text: string } | null = null;
  #version: { readonly version: LinkVersion; readonly text: string } | null = null;
  /** Of the host's agent, whose heartbeats are counted. */
  #life: string | undefined;
  #sequence = -1;
  #answered = -Infinity;

  /** The text of what is told: made anew when one of the objects is another one. */
  textOf(modules: Modules, version: LinkVersion): string {
    const told = this.#told;
    const names = Object.keys(modules);
    const isSame =
      told !== null &&
      told.version === version &&
      names.length === Object.keys(told.modules).length &&
      names.every((name) => modules[name] === told.modules[name]);
    if (isSame) return told.text;
    this.#told = { modules, version, text: JSON.stringify([modules, version]) };
    return this.#told.text;
  }

  /** What was heard, as the same object that another network brought. */
  heard(modules: Record<string, LinkModule>): Record<string, LinkModule> {
    const text = JSON.stringify(modules);
    if (this.#heard?.text !== text) this.#heard = { modules, text };
    return this.#heard.modules;
  }

  /** As {@link heard}. */
  heardVersion(version: LinkVersion): LinkVersion {
    const text = JSON.stringify(version);
    if (this.#version?.text !== text) this.#version = { version, text };
    return this.#version.version;
  }

  /** A connection to the host begins. @param life of the agent at its other end; undefined: it does not tell */
  greeted(life: string | undefined): void {
    if (life !== this.#life) this.forgetSequence();
    this.#life = life;
  }

  /** Whether what comes from this life of the host's agent counts: another one has greeted since otherwise. */
  isOfNow(life: string | undefined): boolean {
    return life === this.#life;
  }

  /**
   * Whether this heartbeat of the host's tells anything: it goes out over every network, and what a slow one brings late is older than what is
   * known already. Whoever believed it would, say, take a primary for none.
   */
  isNewest(sequence: number): boolean {
    return sequence > this.#sequence;
  }

  /** All that there are here have heard this heartbeat. */
  delivered(sequence: number): void {
    this.#sequence = Math.max(this.#sequence, sequence);
  }

  /** Nothing that was sent counts any more. A machine that was started anew begins with lower numbers. */
  forgetSequence(): void {
    this.#sequence = -1;
  }

  /** Whether a heartbeat that was sent at this moment is answered over the first network. */
  isAnswered(sentAt: number): boolean {
    if (sentAt <= this.#answered) return false;
    this.#answered = sentAt;
    return true;
  }
}
