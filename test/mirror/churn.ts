import fs from 'node:fs';
import { expect, vi } from 'vitest';
import { excludedPaths } from '../../agent/mirror/replica/excluded.ts';
import * as libc from '../../agent/platform/libc.ts';
import { chooseOperation, outcome, Random, type Place } from './mountOperations.ts';
import { describe, type Pair, settle, type TestHost } from './pairHarness.ts';

/** Runs random operations on a host's mount. */
export class Churn {
  readonly #place: Place;
  readonly #random: Random;

  constructor(host: TestHost, seed: number) {
    this.#place = { root: fs.openSync(host.directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY), open: [] };
    this.#random = new Random(seed);
  }

  run(count: number): void {
    for (let each = 0; each < count; each++) outcome(chooseOperation(this.#random), this.#place);
  }

  /** As `run`, letting other things happen in between. */
  async runBeside(count: number, until: () => boolean = () => false): Promise<void> {
    for (let each = 0; each < count && !until(); each += 20) {
      this.run(20);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  end(): void {
    for (const fd of this.#place.open) if (fd !== undefined) libc.close(fd);
    fs.closeSync(this.#place.root);
  }
}

/** What a replica holds but for what is excluded, which names of files and times of directories need not tell of. */
function replicated(directory: string, exclude: readonly string[]): Record<string, unknown> {
  const excluded = excludedPaths(exclude);
  const firstOf = new Map<string, string>();
  const found: Record<string, unknown> = {};
  for (const [at, { nlink: _, ...described }] of describe(directory)) {
    if (excluded(at)) continue;
    const links = described.links === '' ? at : described.links;
    if (!firstOf.has(links)) firstOf.set(links, at);
    const isDirectory = (described.mode & libc.S_IFMT) === libc.S_IFDIR;
    found[at] = { ...described, links: firstOf.get(links), ...(isDirectory ? { mtime: '' } : {}) };
  }
  return found;
}

/** Waits until both replicas are equal: times are sent in batches. */
export async function expectEqual(pair: Pair, exclude: readonly string[]): Promise<void> {
  const [one, other] = [pair.alpha.directory, pair.beta.directory];
  if (exclude.length === 0) {
    expect(await settle(one, other)).toEqual([]);
    return;
  }
  const equal = () => expect(replicated(one, exclude)).toEqual(replicated(other, exclude));
  await vi.waitFor(equal, { timeout: 4000, interval: 200 });
}
