import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';
import { Violation, World } from './world.ts';

/** More with UNDERSTUDY_SEEDS=10000. */
const seeds = Number(process.env['UNDERSTUDY_SEEDS'] ?? 150);
const hosts = ['alpha', 'beta'] as const;
const times = [1500, 3000, 6000, 15_000] as const;

/**
 * The detection time changes again and again, on one host long before the other and in either order, while hosts lose power in the middle of
 * it, stand still, and lose sight of each other.
 */
function run(seed: number): World {
  const random = new Random(seed);
  const world = new World({ random, config: { detectionMs: random.pick(times) } });
  world.setIdle(random.next() < 0.5);
  world.run(15_000);
  const end = world.now + 120_000;
  while (world.now < end) {
    world.run(random.between(10, random.next() < 0.5 ? 400 : 12_000));
    const host = random.pick(hosts);
    const chosen = random.next();
    if (chosen < 0.45) world.changeDetection(host, random.pick(times));
    else if (chosen < 0.55) world.crash(host);
    else if (chosen < 0.75) world.boot(host);
    else if (chosen < 0.85) {
      world.setCut('alpha', 'beta', random.next() < 0.4, { oneWay: random.next() < 0.5 });
      // Shorter ones are not seen by whoever looks what else is missing.
      world.run(300);
    } else if (chosen < 0.95) world.setCut(host, 'gamma', random.next() < 0.4);
    else world.agentDies(host);
    // Long enough for whoever is cut off to be replaced, with the times that hold then.
    if (random.next() < 0.1) world.run(20_000);
  }
  for (const host of hosts) {
    world.boot(host);
    world.setCut(host, 'gamma', false);
  }
  world.setCut('alpha', 'beta', false);
  world.run(80_000);
  return world;
}

describe('a detection time that is changed while the module runs', () => {
  it(
    `keeps the promises over ${String(seeds)} seeded runs, and comes back whole`,
    () => {
      const broken: string[] = [];
      for (let seed = 1; seed <= seeds && broken.length < 5; seed += 1) {
        try {
          const world = run(seed);
          if (!world.isWhole) broken.push(`seed ${String(seed)}: not whole again: ${world.describe()}`);
        } catch (error) {
          if (!(error instanceof Violation)) throw error;
          broken.push(`seed ${String(seed)}: ${error.message}`);
        }
      }
      expect(broken).toEqual([]);
    },
    60_000 + seeds * 500,
  );

  it('costs neither a stop nor a resync', () => {
    const world = new World({ random: new Random(7) });
    world.run(15_000);
    const before = world.hosts.alpha.disk.lineage.length;
    for (const time of times) {
      for (const host of hosts) {
        world.changeDetection(host, time);
        world.run(5000);
      }
    }
    expect(world.isWhole).toBe(true);
    expect(world.hosts.alpha.disk.lineage).toHaveLength(before);
  });

  it('takes a host for failed after the shorter time once both hosts know it', () => {
    const world = new World({ random: new Random(7), config: { detectionMs: 12_000 } });
    world.run(30_000);
    const [host, other] = world.hosts.alpha.server === 'running' ? hosts : ([...hosts].reverse() as never);
    for (const each of hosts) world.changeDetection(each, 1500);
    world.run(2000);
    world.setIdle(true);
    world.crash(host);
    world.run(4500);
    expect(world.hosts[other].server).toBe('running');
  });
});
