/** More questions of one cluster do not wait: they are refused. */
const longestLine = 512;

/** Work that holds everybody up while it is done (records are written at once): one piece for each cluster that waits, in turn. */
export class FairTurns {
  readonly #lines = new Map<string, (() => void)[]>();
  #isTurning = false;

  /** @throws Error when the cluster asks for more than is done */
  do<T>(cluster: string, work: () => T): Promise<T> {
    const line = this.#lines.get(cluster) ?? [];
    if (line.length >= longestLine) return Promise.reject(new Error('the witness is asked too much by this cluster'));
    this.#lines.set(cluster, line);
    return new Promise((resolve, reject) => {
      line.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
      this.#turnSoon();
    });
  }

  #turnSoon(): void {
    if (this.#isTurning) return;
    this.#isTurning = true;
    setImmediate(() => {
      this.#isTurning = false;
      const [cluster, line] = this.#lines.entries().next().value ?? [];
      if (cluster === undefined || line === undefined) return;
      this.#lines.delete(cluster);
      line.shift()?.();
      if (line.length > 0) this.#lines.set(cluster, line);
      if (this.#lines.size > 0) this.#turnSoon();
    });
  }
}
