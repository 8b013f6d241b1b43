import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { compareTrees } from '../lab/guest/compareTrees.ts';
import { run, type RunOptions } from '../lab/harness/run.ts';
import { Pair, type TestHost } from '../mirror/pairHarness.ts';

/** Why no program can be run on a mirror here; null when it can. */
export const noMirror = process.getuid?.() === 0 ? null : 'mounting a mirror needs root';

/** Programs may keep both hosts busy for longer than a test of faults would wait. */
const ACKNOWLEDGE_TIMEOUT_MS = 60_000;

/** Two hosts in step: programs work in the primary's mount, afterwards both replicas are looked at as plain directories. */
export class MirroredPair {
  private constructor(
    readonly pair: Pair,
    /** A folder beside the mirror, for what the mirrored files are compared with. */
    readonly plain: string,
  ) {}

  static async open(): Promise<MirroredPair> {
    const pair = new Pair({ both: { acknowledgeTimeoutMs: ACKNOWLEDGE_TIMEOUT_MS } });
    try {
      // Programs that refuse to be root have to get there.
      for (const host of [pair.alpha, pair.beta]) fs.chmodSync(host.base, 0o755);
      const plain = path.join(pair.alpha.base, 'plain');
      fs.mkdirSync(plain);
      await pair.open();
      await pair.serve(pair.alpha);
      await pair.join(pair.alpha, pair.beta);
      // A loss fails the test in the end; with nobody here to settle it, programs would wait for ever.
      await pair.alpha.mirror.onPeerLoss('continue');
      return new MirroredPair(pair, plain);
    } catch (error) {
      await pair.remove();
      throw error;
    }
  }

  /** The primary's mount. */
  get directory(): string {
    return this.pair.alpha.directory;
  }

  at(...names: string[]): string {
    return path.join(this.directory, ...names);
  }

  /** Runs a command in the mount. */
  run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    return run(argv, { cwd: this.directory, timeoutMs: 240_000, ...options });
  }

  /** Ends the mirror in order and asserts that both replicas, plain directories now, are equal and never lost each other. */
  async expectEqualReplicas(): Promise<void> {
    const { alpha, beta } = this.pair;
    expect(alpha.seen.filter((event) => event.type === 'peerLost')).toEqual([]);
    await expectEqualAfterRelease(alpha, beta);
  }

  async remove(): Promise<void> {
    await this.pair.remove();
  }
}

/** Ends serving and following in order; then both replicas have to be equal in every respect. */
export async function expectEqualAfterRelease(primary: TestHost, secondary: TestHost): Promise<void> {
  await primary.mirror.release();
  await secondary.mirror.release();
  expect(await compareTrees(primary.directory, secondary.directory)).toEqual([]);
}

/** One pair for all tests of a suite. */
export function useMirroredPair(): () => MirroredPair {
  let mirrored: MirroredPair | null = null;
  beforeAll(async () => {
    mirrored = await MirroredPair.open();
  });
  afterAll(async () => {
    await mirrored?.remove();
  });
  return () => {
    if (mirrored === null) throw new Error('the pair is not open');
    return mirrored;
  };
}
