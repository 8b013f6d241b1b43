/**
 * Looks at disks of this machine, a few at a time. A mirrored directory may stand still, as other network disks do, and whoever looks at it
 * with it; the system's few threads for files are the same for all disks, so that some of such looks would hold up everything.
 */

/** Node has four threads unless it is told otherwise: the others are for files of ours. */
const mostAtOnce = 2;

/** Runs work a few at a time, and what is the same only once. */
export class DiskGate {
  readonly #going = new Map<string, Promise<unknown>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param key the same for what is the same work: whoever asks for it while it goes on gets its result */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const going = this.#going.get(key);
    if (going !== undefined) return going as Promise<T>;
    const begun = this.#inTurn(work).finally(() => this.#going.delete(key));
    this.#going.set(key, begun);
    return begun;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= mostAtOnce) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#running += 1;
    try {
      return await work();
    } finally {
      // Whoever comes next takes over the place.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

/** The threads are those of the process, and so is this. */
export const diskGate = new DiskGate();

/** Milliseconds that an answer waits for a disk; then it is given by what is known. */
export const longestLook = 1000;

/** What comes of a promise, or `otherwise` when that takes longer than an answer may wait. */
export async function soon<T, Other>(promise: Promise<T>, otherwise: Other): Promise<T | Other> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Other>((resolve) => (timer = setTimeout(() => resolve(otherwise), longestLook)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
