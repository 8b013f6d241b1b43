import { stat } from 'node:fs/promises';
import { endNotice, endsSoon, renewal } from '../security/certificateEnd.ts';
import { fingerprint, type HostSubject } from '../security/certificates.ts';
import { identityFiles, loadIdentity, type Identity } from '../security/identity.ts';
import { renewWhereCertified } from '../security/renew.ts';

/** A certificate that was put in place of the old one is taken within this time. */
const lookMs = 60_000;
const dayMs = 24 * 3600 * 1000;

export interface CertificateCareParts {
  readonly configDirectory: string;
  /** This host as it shall be certified. */
  readonly self: () => HostSubject;
  readonly identity: Identity;
  /** For connections from now on; those that there are go on. */
  readonly onNew: (identity: Identity) => void;
  readonly log: (level: 'info' | 'warn', code: string, message: string) => void;
}

/**
 * This host's certificate while the agent runs: it is said every day that it ends soon, a new one is made on the host that can make it, and one
 * that was put in its place is taken.
 */
export class CertificateCare {
  readonly #parts: CertificateCareParts;
  #identity: Identity;
  #seen: string | null = null;
  #isLooking = false;
  #timers: readonly NodeJS.Timeout[] = [];

  constructor(parts: CertificateCareParts) {
    this.#parts = parts;
    this.#identity = parts.identity;
  }

  get identity(): Identity {
    return this.#identity;
  }

  /** Begins to look, the first time at once. */
  async start(): Promise<void> {
    this.#timers = [setInterval(() => void this.#lookAgain(), lookMs), setInterval(() => void this.daily(), dayMs)];
    for (const timer of this.#timers) timer.unref();
    await this.#lookAgain();
    await this.daily();
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  async daily(now = new Date()): Promise<void> {
    const { configDirectory, self, log } = this.#parts;
    // Nothing is read meanwhile: the thread that would wait for the disk decides whether others live.
    if (!endsSoon(this.#identity.expires, now)) return;
    try {
      if (await renewWhereCertified(configDirectory, self(), now)) await this.look();
    } catch (error) {
      this.#failed(error);
    }
    const { host, expires } = this.#identity;
    const notice = this.notice(host, expires, now);
    if (notice !== null) log('warn', 'CERTIFICATE_ENDS', notice);
  }

  /** As {@link look}, unless the disk has not answered the one before: each would take a thread that others need. */
  async #lookAgain(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    await this.look();
    this.#isLooking = false;
  }

  /** Takes what is in the files, if it is something else than before and can be used. */
  async look(): Promise<void> {
    const { configDirectory, onNew, log } = this.#parts;
    const { certificate, key } = identityFiles(configDirectory);
    // As it is here, unless something was replaced.
    const times: (number | undefined)[] = [];
    for (const file of [certificate, key]) times.push((await stat(file).catch(() => null))?.mtimeMs);
    const seen = times.join(' ');
    if (seen === this.#seen) return;
    this.#seen = seen;
    try {
      const found = loadIdentity(configDirectory, this.#identity.host);
      if (found.certificate === this.#identity.certificate) return;
      if (fingerprint(found.authority) !== fingerprint(this.#identity.authority)) {
        throw new Error('it is of another cluster, for which the agent has to be restarted');
      }
      this.#identity = found;
      onNew(found);
      log(
        'info',
        'CERTIFICATE_RENEWED',
        `${found.host} has a new certificate, good until ${found.expires.toISOString().slice(0, 10)}`,
      );
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Of this host or another one, for people: that its certificate ends soon; null: it does not. @param end as it was seen */
  notice(host: string, end: Date, now = new Date()): string | null {
    const { host: own, authority } = this.#identity;
    const advice =
      host === own
        ? renewal(own)
        : `\`understudy token join --host ${host}\` on the first host says how ${host} gets another`;
    return endNotice(host, end, authority, advice, now);
  }

  #failed(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#parts.log('warn', 'CERTIFICATE_NOT_RENEWED', `this host goes on with the certificate that it has: ${reason}`);
  }
}
