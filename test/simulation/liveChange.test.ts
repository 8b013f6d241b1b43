import { describe, expect, it } from 'vitest';
import { brokenSeeds } from './brokenSeeds.ts';
import { Random } from './random.ts';
import { World } from './world.ts';

/** More with UNDERSTUDY_SEEDS=10000. */
const seeds = Number(process.env['UNDERSTUDY_SEEDS'] ?? 20);
const hosts = ['alpha', 'beta'] as const;
const times = [1500, 3000, 6000, 15_000] as const;

/**
 * The detection time changes again and again, on one host long before the other and in either order. In the moment of a change the primary
 * is cut off, or a host loses power; and hosts lose sight of each other in between.
 */
function run(seed: number): World {
  const random = new Random(seed);
  const world = new World({ random, config: { detectionMs: random.pick(times) } });
  // With busy guests the secondary is missed for its acknowledgements, whatever the detection time is.
  world.setIdle(random.next() < 0.8);
  world.run(15_000);
  for (let round = 0; round < 10; round += 1) {
    if (random.next() < 0.5) world.changeDetection(random.pick(hosts), random.pick(times));
    world.run(random.between(10, random.next() < 0.5 ? 400 : 12_000));
    const host = random.pick(hosts);
    const chosen = random.next();
    if (chosen < 0.8) world.changeDetection(host, random.pick(times));
    if (chosen < 0.55) cutOffPrimary(world);
    else if (chosen < 0.65) world.crash(host);
    else if (chosen < 0.7) world.agentDies(host);
    else {
      world.setCut('alpha', 'beta', random.next() < 0.4, { oneWay: random.next() < 0.5 });
      // Shorter ones are not seen by whoever looks what else is missing.
      world.run(300);
    }
    world.run(random.between(1000, 20_000));
    heal(world);
    world.run(random.between(5000, 30_000));
  }
  world.run(80_000);
  return world;
}

function cutOffPrimary(world: World): void {
  const primary = hosts.find((name) => world.hosts[name].core?.role.at === 'primary');
  if (primary === undefined) return;
  world.setCut('alpha', 'beta', true);
  world.setCut(primary, 'gamma', true);
}

function heal(world: World): void {
  for (const host of hosts) {
    world.boot(host);
    world.setCut(host, 'gamma', false);
  }
  world.setCut('alpha', 'beta', false);
}

describe('a detection time that is changed while the module runs', () => {
  it(
    `keeps the promises over ${String(seeds)} seeded runs, and comes back whole`,
    () => expect(brokenSeeds(seeds, run)).toEqual([]),
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
