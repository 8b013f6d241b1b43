import { expect, onTestFinished, test } from 'vitest';
import { CrashPair, type Layout, type Use } from './crashPair.ts';
import { Random } from './mountOperations.ts';

/** `UNDERSTUDY_CRASHES=20` makes that many rounds of each kind, `UNDERSTUDY_SEED=123` repeats one. */
const rounds = Number(process.env['UNDERSTUDY_CRASHES'] ?? 1);
const given = process.env['UNDERSTUDY_SEED'];

const PLAIN: Use = { writing: 'plain', directIo: 'cache' };

/** What happens to a pair whose guest writes. */
export type Telling = (pair: CrashPair, random: Random, seed: number) => Promise<void>;

/** Where a module has what it has; of several directories the state lies where the seed says. */
const layoutOf = (directories: number, random: Random): Layout =>
  directories === 1
    ? { directories, stateOn: 'first' }
    : { directories, stateOn: random.pick(['first', 'last', 'own'] as const) };

/** Runs a story with seeds that are printed, at moments that they choose. */
export function story(
  name: string,
  tell: Telling,
  { use = PLAIN, directories = 1 }: { use?: Use; directories?: number } = {},
): void {
  const first = given === undefined ? Math.floor(Math.random() * 1e6) : Number(given);
  test.each(Array.from({ length: rounds }, (_, index) => first + index))(`${name} (seed %i)`, async (seed) => {
    const random = new Random(seed);
    const pair = await CrashPair.make(use, layoutOf(directories, random));
    onTestFinished(() => pair.remove());
    // Up to and beyond the first turns of the marks.
    await pair.guest.writes(1 + random.below(300));
    await new Promise((resolve) => setTimeout(resolve, random.below(4000)));
    await tell(pair, random, seed);
  });
}

async function writeMore({ guest }: CrashPair, random: Random): Promise<void> {
  await guest.writes(1 + random.below(200));
  await guest.stop();
}

/** Alpha loses power: beta holds what was durable, all in its order, serves, and takes alpha back by a delta. */
export const primaryLosesPower: Telling = async (pair, random, seed) => {
  const { alpha, beta, guest } = pair;
  await pair.powerLoss(alpha, seed);
  await guest.stop();
  await pair.serve(beta);
  expect(guest.missing(beta.directories)).toEqual([]);
  expect(guest.skipped(beta.directories)).toEqual([]);
  guest.start(beta.directories);
  await writeMore(pair, random);
  await pair.powerOn(alpha);
  await pair.rejoin(beta, alpha);
};

/** Beta loses power: alpha goes on, and takes it back by a delta. */
export const secondaryLosesPower: Telling = async (pair, random, seed) => {
  const { alpha, beta, guest } = pair;
  await pair.powerLoss(beta, seed);
  await alpha.event('peerLost');
  await pair.goAlone(alpha);
  await writeMore(pair, random);
  expect(guest.missing(alpha.directories)).toEqual([]);
  await pair.powerOn(beta);
  await pair.rejoin(alpha, beta);
};

/** Whichever is back first holds what was durable, serves, and takes the other one back by a delta. */
export const bothLosePower =
  (firstBack: 'primary' | 'secondary'): Telling =>
  async (pair, random, seed) => {
    const { alpha, beta, guest } = pair;
    await Promise.all([pair.powerLoss(alpha, seed), pair.powerLoss(beta, seed + 1)]);
    await guest.stop();
    const [first, second] = firstBack === 'primary' ? [alpha, beta] : [beta, alpha];
    await pair.powerOn(first);
    await pair.serve(first);
    expect(guest.missing(first.directories)).toEqual([]);
    guest.start(first.directories);
    await writeMore(pair, random);
    await pair.powerOn(second);
    await pair.rejoin(first, second);
  };

/**
 * After {@link primaryLosesPower} both lose it; the one that serves then was primary until then, or has just been brought up to date.
 * @param isWriting false: the guest writes nothing after the resync, so that none of its flushes makes durable what the resync brought
 */
export const bothLosePowerAfterwards =
  (firstBack: 'primary' | 'secondary', isWriting = true): Telling =>
  async (pair, random, seed) => {
    const { alpha, beta, guest } = pair;
    await primaryLosesPower(pair, random, seed);
    if (isWriting) {
      guest.start(beta.directories);
      await guest.writes(1 + random.below(200));
    }
    await Promise.all([pair.powerLoss(alpha, seed + 1), pair.powerLoss(beta, seed + 2)]);
    await guest.stop();
    const [first, second] = firstBack === 'primary' ? [beta, alpha] : [alpha, beta];
    await pair.powerOn(first);
    await pair.serve(first);
    expect(guest.missing(first.directories)).toEqual([]);
    await pair.powerOn(second);
    await pair.rejoin(first, second);
  };
