import { guestProcesses, type LabHost } from './host.ts';

/** How often it looks, milliseconds. */
const intervalMs = 20;

/** Watches for two guests at once: the QEMU processes of all hosts, independent of anything that agents say. */
export class GuestWatch {
  #timer: NodeJS.Timeout;
  #last = performance.now();
  #overlapMs = 0;
  #longestGapMs = 0;

  constructor(private readonly hosts: readonly LabHost[]) {
    this.#timer = setInterval(() => this.#look(), intervalMs);
  }

  /** Total time during which guests ran on more than one host, milliseconds; a moment seen counts for the whole time since the last look. */
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
    const serving = this.hosts.filter((host) => host.guests().length > 0);
    if (serving.length > 1) this.#overlapMs += gap;
  }
}
