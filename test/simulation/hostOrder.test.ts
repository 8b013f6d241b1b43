import { describe, expect, it } from 'vitest';
import type { ModuleConfig } from '../../agent/core/types.ts';
import { brokenSeeds } from './brokenSeeds.ts';
import { Random } from './random.ts';
import { World, type HostName } from './world.ts';

/** More with UNDERSTUDY_SEEDS=10000. */
const seeds = Number(process.env['UNDERSTUDY_SEEDS'] ?? 20);
const hosts = ['alpha', 'beta'] as const;
type Order = ModuleConfig['hosts'];
const orders: readonly Order[] = [
  ['alpha', 'beta'],
  ['beta', 'alpha'],
];

/** A world in which the file of the module names the hosts in another order on each of them, for a while or for long. */
class OrderedWorld {
  readonly world: World;
  readonly #orders: Record<HostName, Order>;
  /** Whose file is read. */
  #reads: HostName = 'alpha';

  constructor(random: Random, order: Order, config: Partial<ModuleConfig> = {}) {
    this.#orders = { alpha: order, beta: order };
    const orderNow = (): Order => this.#orders[this.#reads];
    this.world = new World({
      random,
      config: {
        ...config,
        get hosts() {
          return orderNow();
        },
      },
    });
  }

  change(name: HostName, order: Order): void {
    this.#orders[name] = order;
    this.#reads = name;
    this.world.changeDetection(name, this.world.hosts[name].detectionMs);
  }

  boot(name: HostName): void {
    this.#reads = name;
    this.world.boot(name);
  }

  heal(): void {
    for (const host of hosts) {
      this.boot(host);
      this.world.setCut(host, 'gamma', false);
    }
    this.world.setCut('alpha', 'beta', false);
  }

  get primary(): HostName | undefined {
    return hosts.find((name) => this.world.hosts[name].core?.role.at === 'primary');
  }
}

/** What makes two hosts decide who goes first, or whose word holds. */
const troubles: readonly ((sim: OrderedWorld, random: Random) => void)[] = [
  // A cold start, of one host a while before the other.
  (sim, random) => {
    for (const host of hosts) sim.world.crash(host);
    sim.world.run(random.between(100, 3000));
    sim.boot(random.pick(hosts));
    sim.world.run(random.between(0, 2000));
  },
  ({ world, primary }) => {
    world.setCut('alpha', 'beta', true);
    if (primary !== undefined) world.setCut(primary, 'gamma', true);
  },
  // Both may take the same epoch from a witness that knows nothing.
  ({ world }) => {
    world.arbiter.wipe();
    world.setCut('alpha', 'beta', true);
  },
  // Operators on both sides of a cut, who know nothing of each other.
  ({ world }, random) => {
    world.setCut('alpha', 'beta', true);
    world.run(300);
    for (const host of hosts) world.operators.command(host, random.next() < 0.5 ? 'stop' : 'start');
    for (const host of hosts) world.operators.maintain(host, random.between(2000, 20_000), `asked for on ${host}`);
  },
  ({ world }, random) => void world.crash(random.pick(hosts)),
  ({ world }, random) => void world.agentDies(random.pick(hosts)),
  ({ world }, random) => {
    const host = random.pick(hosts);
    world.operators.command(host, 'stop');
    world.run(random.between(100, 5000));
    world.operators.command(host, 'start');
  },
  () => undefined,
];

/** The order changes again and again, on one host long before the other, and something strikes in between. */
function run(seed: number): OrderedWorld {
  const random = new Random(seed);
  const failback = random.next() < 0.5 ? 'automatic' : 'manual';
  const sim = new OrderedWorld(random, random.pick(orders), { failback, failbackAfterMs: 12_000 });
  const { world } = sim;
  world.setIdle(random.next() < 0.8);
  world.run(15_000);
  for (let round = 0; round < 10; round += 1) {
    const order = random.pick(orders);
    const first = random.pick(hosts);
    sim.change(first, order);
    world.run(random.between(0, 500));
    random.pick(troubles)(sim, random);
    world.run(random.between(100, 8000));
    sim.heal();
    world.run(random.next() < 0.5 ? random.between(10, 500) : random.between(2000, 20_000));
    sim.change(first === 'alpha' ? 'beta' : 'alpha', order);
    world.run(random.between(2000, 20_000));
  }
  world.operators.maintain(sim.primary ?? 'alpha', null);
  world.operators.command(sim.primary ?? 'alpha', 'start');
  world.run(80_000);
  return sim;
}

describe('an order of the hosts that is changed while the module runs', () => {
  it(
    `keeps the promises over ${String(seeds)} seeded runs, and comes back whole`,
    () => expect(brokenSeeds(seeds, (seed) => run(seed).world)).toEqual([]),
    60_000 + seeds * 500,
  );

  it('costs neither a stop nor a resync', () => {
    const sim = new OrderedWorld(new Random(7), ['alpha', 'beta']);
    const { world } = sim;
    world.run(15_000);
    const before = world.hosts.alpha.disk.lineage.length;
    for (const order of [...orders, ...orders.toReversed()]) {
      for (const host of hosts) {
        sim.change(host, order);
        world.run(5000);
      }
    }
    expect(world.isWhole).toBe(true);
    expect(world.hosts.alpha.disk.lineage).toHaveLength(before);
  });

  it.each([
    [{ alpha: 0, beta: 1 }, 'each takes itself for the preferred one'],
    [{ alpha: 1, beta: 0 }, 'each waits for the other one'],
  ])('at a cold start with %j exactly one starts: %s', (chosen) => {
    const sim = new OrderedWorld(new Random(7), ['alpha', 'beta']);
    const { world } = sim;
    world.run(15_000);
    for (const host of hosts) sim.change(host, orders[chosen[host]] ?? ['alpha', 'beta']);
    for (const host of hosts) world.crash(host);
    for (const host of hosts) sim.boot(host);
    world.run(20_000);
    expect(hosts.filter((host) => world.hosts[host].server === 'running')).toHaveLength(1);
    expect(world.isWhole).toBe(true);
  });

  it.each([
    [{ alpha: 0, beta: 1 }, 'each takes itself for the preferred one'],
    [{ alpha: 1, beta: 0 }, 'each takes the other one for the preferred one'],
  ])('of what operators asked for on both sides of a cut one word holds with %j: %s', (chosen) => {
    const sim = new OrderedWorld(new Random(7), ['alpha', 'beta']);
    const { world } = sim;
    world.run(15_000);
    for (const host of hosts) sim.change(host, orders[chosen[host]] ?? ['alpha', 'beta']);
    world.setCut('alpha', 'beta', true);
    world.run(300);
    world.operators.command('alpha', 'start');
    world.operators.command('beta', 'stop');
    for (const host of hosts) world.operators.maintain(host, 3_600_000, `asked for on ${host}`);
    world.setCut('alpha', 'beta', false);
    const words = () =>
      hosts.map((host) => {
        const { desired, maintenance } = world.hosts[host].core ?? {};
        return { ...desired, ...maintenance, until: null };
      });
    world.run(2000);
    const [held, same] = words();
    expect(held).toMatchObject({ value: 'started', reason: 'asked for on alpha' });
    expect(same).toEqual(held);
    world.run(10_000);
    expect(words()).toEqual([held, held]);
  });

  it('goes back to a host that was not the preferred one before only when the time for that has passed since', () => {
    const config = { failback: 'automatic', failbackAfterMs: 30_000 } as const;
    const sim = new OrderedWorld(new Random(7), ['alpha', 'beta'], config);
    const { world } = sim;
    world.run(60_000);
    expect(world.hosts.alpha.server).toBe('running');
    for (const host of hosts) sim.change(host, ['beta', 'alpha']);
    world.run(29_000);
    expect(world.hosts.alpha.server).toBe('running');
    world.run(10_000);
    expect(world.hosts.beta.server).toBe('running');
  });
});
