import { describe, expect, it } from 'vitest';
import type { ModuleConfig } from '../../agent/core/types.ts';
import { Random } from './random.ts';
import { Violation, World } from './world.ts';

/** More with UNDERSTUDY_SEEDS=10000; one with UNDERSTUDY_SEED=123 and a trace. */
const seeds = Number(process.env['UNDERSTUDY_SEEDS'] ?? 300);
const only = process.env['UNDERSTUDY_SEED'];
const unhealthyActions = ['restart', 'failover', 'wait', 'report'] as const;

function run(
  seed: number,
  trace?: (line: string) => void,
  failing: 'alpha' | 'beta' | null = null,
  config: Partial<ModuleConfig> = {},
): World {
  const random = new Random(seed);
  const world = new World(trace ? { random, config, trace } : { random, config });
  world.run(15_000);
  const hosts = ['alpha', 'beta'] as const;
  const end = world.now + 90_000;
  while (world.now < end) {
    world.run(random.between(100, 5000));
    const host = random.pick(hosts);
    if (failing && random.next() < 0.2) world.diskFails(failing);
    if (random.next() < 0.1) world.conditions(host, random.pick([null, 'the gateway does not answer']));
    const fault = random.next();
    if (fault < 0.2) world.crash(host);
    else if (fault < 0.45) world.boot(host);
    else if (fault < 0.6) world.setCut('alpha', 'beta', random.next() < 0.5);
    else if (fault < 0.7) world.setCut(host, 'gamma', random.next() < 0.5);
    else if (fault < 0.75) world.arbiterUp = random.next() < 0.5;
    else if (fault < 0.85) world.pause(host, random.between(100, 8000));
    else if (fault < 0.88) world.guestDies(host);
    else if (fault < 0.92) world.checkFails(host, random.pick(unhealthyActions));
    else if (fault < 0.95) world.command(host, 'switchover');
    else if (fault < 0.96) world.command(host, 'repair');
    else if (fault < 0.98) world.command(host, 'stop');
    else world.command(host, 'start');
  }
  // Everything heals and an operator asks for the module: it has to come back by itself, whole. A condition may stay unmet on one host, or
  // on both.
  for (const host of hosts) {
    world.boot(host);
    world.setCut(host, 'gamma', false);
  }
  world.setCut('alpha', 'beta', false);
  world.arbiterUp = true;
  world.run(10_000);
  world.command('alpha', 'start');
  world.run(60_000);
  return world;
}

/** As above, with an operator who forces hosts and settles what comes of it, at random moments. */
function runForced(seed: number, config: Partial<ModuleConfig>): World {
  const random = new Random(seed);
  const world = new World({ random, config });
  // Who goes on alone without an arbiter may lack what the other has: that was chosen.
  world.forced = config.arbiter === 'none';
  world.run(10_000);
  const hosts = ['alpha', 'beta'] as const;
  const end = world.now + 90_000;
  while (world.now < end) {
    world.run(random.between(100, 5000));
    const host = random.pick(hosts);
    const fault = random.next();
    if (fault < 0.15) world.crash(host);
    else if (fault < 0.4) world.boot(host);
    else if (fault < 0.6) world.setCut('alpha', 'beta', random.next() < 0.5);
    else if (fault < 0.7) world.setCut(host, 'gamma', random.next() < 0.5);
    else if (fault < 0.8) world.command(host, 'force');
    else if (fault < 0.95) world.command(host, 'resolve', random.pick(hosts));
    else world.command(host, 'start');
  }
  for (const host of hosts) {
    world.boot(host);
    world.setCut(host, 'gamma', false);
  }
  world.setCut('alpha', 'beta', false);
  world.run(10_000);
  world.command('alpha', 'start');
  world.run(30_000);
  if (!whole(world)) world.command(random.pick(hosts), 'resolve', random.pick(hosts));
  world.run(60_000);
  return world;
}

/** Agents are upgraded while everything else goes wrong; some need far longer than the detection time. */
function runUpgraded(seed: number, config: Partial<ModuleConfig>): World {
  const random = new Random(seed);
  const world = new World({ random, config });
  world.run(15_000);
  const hosts = ['alpha', 'beta'] as const;
  const end = world.now + 90_000;
  while (world.now < end) {
    world.run(random.between(100, 4000));
    const host = random.pick(hosts);
    const fault = random.next();
    if (fault < 0.35) world.upgrade(host, random.between(300, 10_000));
    else if (fault < 0.45) world.crash(host);
    else if (fault < 0.65) world.boot(host);
    else if (fault < 0.75) world.setCut('alpha', 'beta', random.next() < 0.4);
    else if (fault < 0.85) world.setCut(host, 'gamma', random.next() < 0.4);
    else if (fault < 0.9) world.guestDies(host);
    else if (fault < 0.95) world.command(host, 'switchover');
    else world.command(host, 'start');
  }
  for (const host of hosts) {
    world.boot(host);
    world.setCut(host, 'gamma', false);
  }
  world.setCut('alpha', 'beta', false);
  world.run(20_000);
  world.command('alpha', 'start');
  world.run(60_000);
  return world;
}

/** Acknowledged writes that no host holds, neither in its replica nor kept aside. */
function destroyed(world: World): number[] {
  const kept = new Set(
    Object.values(world.hosts).flatMap(({ disk }) => [...disk.log, ...Object.values(disk.aside).flat()]),
  );
  return [...world.acknowledged].filter((write) => !kept.has(write));
}

function whole(world: World): boolean {
  const states = Object.values(world.hosts).map((host) => `${host.server} ${String(host.core?.role.at)}`);
  const primary = Object.values(world.hosts).find((host) => host.core?.role.at === 'primary');
  const link = primary?.core?.role.at === 'primary' ? primary.core.role.link.kind : null;
  return states.some((state) => state.startsWith('running')) && link === 'both';
}

describe('the failover core under faults', () => {
  if (only !== undefined) {
    it('replays one seed with its trace', () => {
      const lines: string[] = [];
      try {
        const world = run(Number(only), (line) => lines.push(line));
        lines.push(world.describe());
      } catch (error) {
        lines.push(String(error));
      }
      process.stdout.write(`${lines.join('\n')}\n`);
    });
  }

  it(
    `keeps the promises over ${String(seeds)} seeded runs, and comes back whole`,
    () => {
      const broken: string[] = [];
      let acknowledged = 0;
      for (let seed = 1; seed <= seeds && broken.length < 5; seed += 1) {
        try {
          const world = run(seed);
          acknowledged += world.acknowledged.size;
          if (!whole(world)) broken.push(`seed ${String(seed)}: not whole again: ${world.describe()}`);
          if (!world.longPause && world.twoServersMs > 0) {
            broken.push(`seed ${String(seed)}: two servers for ${String(world.twoServersMs)} ms`);
          }
        } catch (error) {
          if (!(error instanceof Violation)) throw error;
          broken.push(`seed ${String(seed)}: ${error.message}`);
        }
      }
      expect(broken).toEqual([]);
      expect(acknowledged).toBeGreaterThan(seeds * 100);
    },
    60_000 + seeds * 100,
  );

  it.each(['switchover', 'report'] as const)(
    `keeps the promises while the disk of one host fails again and again, over ${String(seeds)} seeded runs (%s)`,
    (onDiskError) => {
      const broken: string[] = [];
      for (let seed = 1; seed <= seeds && broken.length < 5; seed += 1) {
        try {
          const world = run(seed, undefined, seed % 2 === 0 ? 'alpha' : 'beta', { onDiskError });
          if (!whole(world)) broken.push(`seed ${String(seed)}: not whole again: ${world.describe()}`);
        } catch (error) {
          if (!(error instanceof Violation)) throw error;
          broken.push(`seed ${String(seed)}: ${error.message}`);
        }
      }
      expect(broken).toEqual([]);
    },
    60_000 + seeds * 100,
  );

  for (const [name, config] of [
    ['with a witness', {}],
    ['without an arbiter, at the risk of two histories', { arbiter: 'none', withoutArbiter: 'risk-split-brain' }],
  ] as const) {
    it(
      `destroys nothing to settle a disagreement, ${name}`,
      () => {
        const broken: string[] = [];
        let resolved = 0;
        for (let seed = 1; seed <= seeds && broken.length < 5; seed += 1) {
          try {
            const world = runForced(seed, config);
            resolved += Object.values(world.hosts).flatMap(({ disk }) => Object.keys(disk.aside)).length;
            if (!whole(world)) broken.push(`seed ${String(seed)}: not whole again: ${world.describe()}`);
            const lost = destroyed(world);
            if (lost.length > 0) broken.push(`seed ${String(seed)}: ${String(lost.length)} writes are nowhere`);
          } catch (error) {
            if (!(error instanceof Violation)) throw error;
            broken.push(`seed ${String(seed)}: ${error.message}`);
          }
        }
        expect(broken).toEqual([]);
        expect(resolved).toBeGreaterThan(seeds / 10);
      },
      60_000 + seeds * 100,
    );
  }

  for (const [name, config] of [
    ['with a witness', {}],
    ['without an arbiter', { arbiter: 'none' }],
  ] as const) {
    it(
      `lets agents be upgraded whatever happens meanwhile, ${name}: never two servers, nothing lost`,
      () => {
        const broken: string[] = [];
        let upgrades = 0;
        for (let seed = 1; seed <= seeds && broken.length < 5; seed += 1) {
          try {
            const world = runUpgraded(seed, config);
            upgrades += world.upgrades;
            if (!whole(world)) broken.push(`seed ${String(seed)}: not whole again: ${world.describe()}`);
            if (world.twoServersMs > 0) {
              broken.push(`seed ${String(seed)}: two servers for ${String(world.twoServersMs)} ms`);
            }
          } catch (error) {
            if (!(error instanceof Violation)) throw error;
            broken.push(`seed ${String(seed)}: ${error.message}`);
          }
        }
        expect(broken).toEqual([]);
        expect(upgrades).toBeGreaterThan(seeds);
      },
      60_000 + seeds * 100,
    );
  }

  it('fails over within the detection time and a second after a power loss', () => {
    const world = new World({ random: new Random(7) });
    world.run(15_000);
    expect(world.hosts.alpha.server).toBe('running');
    world.crash('alpha');
    world.run(4000);
    expect(world.hosts.beta.server).toBe('running');
  });

  it.each(['switchover', 'stop'] as const)('keeps the secondary for as long as a release takes (%s)', (command) => {
    const lines: string[] = [];
    const world = new World({ random: new Random(1), trace: (line) => lines.push(line) });
    world.run(15_000);
    world.releaseTakesMs = 4000;
    world.command('alpha', command);
    world.run(15_000);
    expect(lines.filter((line) => line.includes('RELEASE_FAILED'))).toEqual([]);
    expect(world.hosts.beta.server === 'running').toBe(command === 'switchover');
    expect(world.hosts.alpha.server).toBe('stopped');
  });

  it('goes on when only the witness is lost', () => {
    const world = new World({ random: new Random(8) });
    world.run(15_000);
    world.arbiterUp = false;
    const before = world.acknowledged.size;
    world.run(30_000);
    expect(world.describe()).toContain('alpha: PRIM server running');
    expect(world.acknowledged.size).toBeGreaterThan(before + 500);
  });

  it('stops the server of a primary that is cut off from peer and witness before the other starts its own', () => {
    const world = new World({ random: new Random(9) });
    world.run(15_000);
    world.setCut('alpha', 'beta', true);
    world.setCut('alpha', 'gamma', true);
    world.run(10_000);
    expect(world.hosts.alpha.server).toBe('stopped');
    expect(world.hosts.beta.server).toBe('running');
    expect(world.twoServersMs).toBe(0);
  });

  it('starts for the first time where the files are, and never overwrites files that nobody copied', () => {
    const only = new World({ random: new Random(11), files: { beta: [9001] } });
    only.run(15_000);
    expect(only.describe()).toContain('beta: PRIM server running');

    const lines: string[] = [];
    const both = new World({
      random: new Random(12),
      files: { alpha: [9001], beta: [9002] },
      trace: (line) => lines.push(line),
    });
    both.run(15_000);
    expect(both.describe()).toContain('alpha: PRIM server running');
    expect(lines.join('\n')).toContain('the content of beta is kept in');
  });

  it('asks for hardly a tick while a pair is healthy', () => {
    const world = new World({ random: new Random(14) });
    world.run(15_000);
    const before = world.sparedTicks;
    world.run(60_000);
    expect(world.describe()).toContain('PRIM server running');
    // Two hosts, twenty ticks a second.
    expect(world.sparedTicks - before).toBeGreaterThan(0.99 * 2 * 20 * 60);
  });

  it('lets one of two primaries of the same epoch go on when they see each other again, and the other wait', () => {
    const world = new World({
      random: new Random(13),
      config: { arbiter: 'none', withoutArbiter: 'risk-split-brain' },
    });
    world.forced = true;
    world.run(15_000);
    world.setCut('alpha', 'beta', true);
    world.run(10_000);
    expect([world.hosts.alpha.server, world.hosts.beta.server]).toEqual(['running', 'running']);
    expect(world.hosts.alpha.disk.lineage.at(-1)?.epoch).toBe(world.hosts.beta.disk.lineage.at(-1)?.epoch);
    world.setCut('alpha', 'beta', false);
    const before = world.twoServersMs;
    world.run(5_000);
    expect(world.twoServersMs - before).toBeLessThan(500);
    expect(world.describe()).toMatch(/^alpha: ALONE server running .*beta: WAIT server stopped \(diverged: /);
    world.command('alpha', 'resolve', 'beta');
    world.run(20_000);
    expect(world.describe()).toContain('beta: PRIM server running');
    expect(destroyed(world)).toEqual([]);
  });

  it('comes back without an arbiter however long the resync takes', () => {
    const world = new World({ random: new Random(9), config: { arbiter: 'none' } });
    world.run(15_000);
    world.resyncTakesMs = 10_000;
    world.crash('alpha');
    world.crash('beta');
    world.boot('alpha');
    world.boot('beta');
    world.run(30_000);
    expect(whole(world), world.describe()).toBe(true);
  });

  it('never promotes by itself without an arbiter, unless the risk was chosen', () => {
    for (const withoutArbiter of ['manual', 'risk-split-brain'] as const) {
      const world = new World({ random: new Random(10), config: { arbiter: 'none', withoutArbiter } });
      world.run(15_000);
      world.crash('alpha');
      world.run(10_000);
      expect(world.hosts.beta.server).toBe(withoutArbiter === 'manual' ? 'stopped' : 'running');
    }
  });
});
