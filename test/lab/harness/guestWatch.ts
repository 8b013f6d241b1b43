import { atOnce } from './atOnce.ts';
import { guestProcesses, type LabHost } from './host.ts';

/** How often it looks, milliseconds. */
const intervalMs = 20;

/** Watches for two guests at once, where there is one module: the QEMU processes of all hosts, independent of anything that agents say. */
export class GuestWatch {
  #timer: NodeJS.Timeout;
  #last = performance.now();
  #overlapMs = 0;
  #longestGapMs = 0;

  constructor(private readonly hosts: readonly LabHost[]) {
    this.#timer = setInterval(() => this.#look(), intervalMs);
  }

  /** Total time during which more than one guest ran, milliseconds; a moment seen counts for the whole time since the last look. */
  get overlapMs(): number {
    return Math.round(this.#overlapMs);
  }

  /** The longest time during which it did not look: what it may have missed. */
  get longestGapMs(): number {
    return Math.round(this.#longestGapMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    const gap = now - this.#last;
    this.#last = now;
    this.#longestGapMs = Math.max(this.#longestGapMs, gap);
    if (guestProcesses().length < 2) return;
    const guests = atOnce(
      () => this.hosts.flatMap((host) => host.guests().map((pid) => ({ pid }))),
      ({ length }) => length > 1,
    );
    if (guests.length > 1) this.#overlapMs += gap;
  }
}
