import { describe, expect, it } from 'vitest';
import { brokenSeeds } from './brokenSeeds.ts';
import { Random } from './random.ts';
import { World } from './world.ts';

/** More with UNDERSTUDY_SEEDS=10000. */
const seeds = Number(process.env['UNDERSTUDY_SEEDS'] ?? 100);
const hosts = ['alpha', 'beta'] as const;

/** What operators plan, at random moments, while everything else goes wrong. */
function run(seed: number): World {
  const random = new Random(seed);
  // Half of the modules go back to their preferred host by themselves.
  const failback = seed % 2 === 0 ? 'manual' : 'automatic';
  const world = new World({ random, config: { failback, failbackAfterMs: 5000 } });
  world.run(15_000);
  const end = world.now + 90_000;
  while (world.now < end) {
    world.run(random.between(100, 5000));
    const host = random.pick(hosts);
    const chosen = random.next();
    if (chosen < 0.1) world.operators.drain(host, true);
    else if (chosen < 0.2) world.operators.drain(host, false);
    else if (chosen < 0.25) world.operators.maintain(host, random.between(1000, 30_000));
    else if (chosen < 0.3) world.operators.maintain(host, null);
    else if (chosen < 0.4) world.crash(host);
    else if (chosen < 0.6) world.boot(host);
    else if (chosen < 0.7) world.setCut('alpha', 'beta', random.next() < 0.4);
    else if (chosen < 0.8) world.setCut(host, 'gamma', random.next() < 0.4);
    else if (chosen < 0.85) world.guestDies(host);
    else if (chosen < 0.9) world.operators.command(host, 'switchover');
    else if (chosen < 0.95) world.operators.command(host, 'stop');
    else world.operators.command(host, 'start');
  }
  for (const host of hosts) {
    world.boot(host);
    world.setCut(host, 'gamma', false);
  }
  world.setCut('alpha', 'beta', false);
  // Longer than any maintenance.
  world.run(40_000);
  world.operators.command('alpha', 'start');
  world.run(60_000);
  return world;
}

describe('what operators plan, under faults', () => {
  it(
    `keeps the promises over ${String(seeds)} seeded runs, and comes back whole`,
    () => expect(brokenSeeds(seeds, run)).toEqual([]),
    60_000 + seeds * 500,
  );
});
