import { runsServer, type Host } from './host.ts';
import type { HostName } from './network.ts';

/** What was told counts for the detection time, and may be older by this when it is heard. */
const toldWithinMs = 2000;
/** In this time a host that hears the other one serve has made durable by which record. */
const knownAfterMs = 4000;

type Hosts = Readonly<Record<HostName, Host>>;
type Forced = { readonly epoch: number; readonly primary: string } | null;

/**
 * Without an arbiter nobody refuses a host that takes the service from another one by mere numbers: one that serves gives way only to one
 * that serves as well, and a host that has seen the history serve which an operator chose never starts another one by itself.
 */
export class GivingWay {
  readonly #hosts: Hosts;
  readonly #now: () => number;
  readonly #fail: (what: string) => never;
  readonly #primaryAt: Record<HostName, number> = { alpha: -Infinity, beta: -Infinity };
  /** Which history each host knows to be the chosen one. */
  readonly #known: Record<HostName, string | null> = { alpha: null, beta: null };

  constructor(hosts: Hosts, now: () => number, fail: (what: string) => never) {
    this.#hosts = hosts;
    this.#fail = fail;
    this.#now = now;
  }

  passes(): void {
    for (const { name, core } of Object.values(this.#hosts)) {
      if (core && ['primary', 'releasing', 'handingOver'].includes(core.role.at)) this.#primaryAt[name] = this.#now();
    }
  }

  /** @param togetherMs for how long they have heard each other @param isOfForced whether a host holds the history that was forced last */
  look(togetherMs: number, forced: Forced, isOfForced: (host: Host) => boolean): void {
    if (togetherMs < knownAfterMs || forced === null) return;
    const { alpha, beta } = this.#hosts;
    for (const [host, other] of [
      [alpha, beta],
      [beta, alpha],
    ] as const) {
      const serves = runsServer(other) && isOfForced(other) && !isOfForced(host);
      if (serves && host.disk.refusesUntil + knownAfterMs < this.#now()) this.#known[host.name] = keyOf(forced);
    }
  }

  /** A primary that is not about anything with the other host is fenced by what it was told. */
  givesWay({ name, core, pausedUntil }: Host): void {
    const other = name === 'alpha' ? 'beta' : 'alpha';
    const countsMs = toldWithinMs + (core?.detection.promisedMs ?? 0);
    // What was told meanwhile has waited for it.
    if (this.#now() - pausedUntil <= countsMs) return;
    if (this.#now() - this.#primaryAt[other] <= countsMs) return;
    this.#fail(`${name} gives way to ${other}, which is not primary`);
  }

  /** A host that does not hold the history that was forced last. */
  starts({ name }: Host, forced: Forced): void {
    if (forced === null || this.#known[name] !== keyOf(forced)) return;
    this.#fail(`the server starts on ${name} by itself, in another history than the one that was forced`);
  }
}

function keyOf({ epoch, primary }: NonNullable<Forced>): string {
  return `${String(epoch)} ${primary}`;
}
