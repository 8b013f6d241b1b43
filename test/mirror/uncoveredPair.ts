import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { VerifyReport } from '../../agent/mirror/mirror.ts';
import { unmount } from '../../agent/platform/mounts.ts';
import { cleanUp } from '../support/cleanUp.ts';
import type { GuestProgram } from './guestProgram.ts';
import { Pair } from './pairHarness.ts';

/** For each test a pair that alpha serves, and a way to what the secondary holds, below its cover. */
export class UncoveredPair {
  #pair: Pair | null = null;
  /** The secondary's files. */
  below = '';
  readonly #programs: GuestProgram[] = [];

  constructor() {
    beforeEach(async () => {
      this.#pair = new Pair();
      this.below = path.join(this.pair.beta.base, 'below');
      await this.#pair.open();
      fs.mkdirSync(this.below);
      execFileSync('mount', ['--bind', this.pair.beta.directory, this.below]);
      execFileSync('mount', ['--make-private', this.below]);
      await this.pair.serve(this.pair.alpha);
    });
    afterEach(async () => {
      const pair = this.#pair;
      this.#pair = null;
      for (const each of this.#programs.splice(0)) each.kill();
      await cleanUp([() => fs.existsSync(this.below) && unmount(this.below), () => pair?.remove()]);
    });
  }

  get pair(): Pair {
    if (this.#pair === null) throw new Error('There is no pair yet.');
    return this.#pair;
  }

  /** Killed after the test, if it has not ended. */
  keep(program: GuestProgram): GuestProgram {
    this.#programs.push(program);
    return program;
  }

  /** Of the virtual server. */
  readonly file = (name: string): string => path.join(this.pair.alpha.directory, name);

  /** The same of the secondary. */
  readonly hidden = (name: string): string => path.join(this.below, name);

  /** Runs a verify to its end. */
  readonly verify = async (bandwidth: number | null = null): Promise<VerifyReport> => {
    const { alpha } = this.pair;
    const from = alpha.seen.length;
    await alpha.mirror.verify(bandwidth);
    return (await alpha.event('verified', from, 60_000)).report;
  };
}
