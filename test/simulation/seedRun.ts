import { roleStates } from '../../agent/core/transitions.ts';
import { Violation } from './checker.ts';
import type { Coverage } from './coverage.ts';
import { faults } from './faults.ts';
import { makePlan, pickFault, type Plan } from './plan.ts';
import { Random } from './random.ts';
import { World } from './world.ts';

const hosts = ['alpha', 'beta'] as const;
const beginMs = 8000;
const faultsMs = 60_000;
const settleMs = 8000;
/** Of the faults: those that wait for a state of the host, in which it is for a moment only. */
const inWaitShare = 0.4;
/** Of the stops of a server, those that take long. */
const slowStops = 0.35;
const wholeWithinMs = 40_000;
/** In which the guest of a module that is whole has a write answered. */
const answeredWithinMs = 3000;
/** Far from all seeds that are run. */
const moreSeeds = 1_000_000_007;
/** Two histories may come of the first thing that an operator does. */
const operatorTurns = 2;

export interface SeedResult {
  readonly seed: number;
  readonly steps: number;
  /** How often each kind of fault struck. */
  readonly faults: ReadonlyMap<string, number>;
  readonly acknowledged: number;
  readonly upgrades: number;
  /** What was kept aside before it was overwritten. */
  readonly keptAside: number;
  /** The promise that was broken; null: none. */
  readonly violation: string | null;
}

/** One run, which its seed determines to the last step: faults strike, then they end, and the module has to come back whole. */
export function runSeed(
  seed: number,
  options: { coverage?: Pick<Coverage, 'add'>; trace?: (line: string) => void } = {},
): SeedResult {
  const random = new Random(seed);
  const plan = makePlan(random, new Random(seed + moreSeeds));
  options.trace?.(
    `plan: ${JSON.stringify([plan.config, plan.detectionMs])}; ${plan.faults.map(({ name }) => name).join(', ')}`,
  );
  const world = new World({ random, config: plan.config, detectionMs: plan.detectionMs, ...options });
  world.setIdle(plan.isIdle);
  world.mirror.keepsUndo = plan.keepsUndo;
  world.driver.slowStops = slowStops;
  const struck = new Map<string, number>();
  let violation: string | null = null;
  try {
    world.run(beginMs);
    strike(world, plan, random, struck);
    end(world, random);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error.message;
  }
  options.trace?.(world.describe());
  const { acknowledged, upgrades, driver } = world;
  const keptAside = Object.values(world.hosts).flatMap(({ disk }) => Object.keys(disk.aside)).length;
  return { seed, steps: driver.steps, faults: struck, acknowledged: acknowledged.size, upgrades, keptAside, violation };
}

function strike(world: World, plan: Plan, random: Random, struck: Map<string, number>): void {
  const until = world.now + faultsMs;
  while (world.now < until) {
    world.run(random.between(100, plan.betweenFaultsMs));
    if (random.next() < 0.2) world.arbiter.copyDisk();
    const host = random.pick(hosts);
    if (random.next() < 0.3) {
      world.boot(host);
      if (random.next() < 0.3) world.operators.command(host, 'start');
      continue;
    }
    const fault = pickFault(plan, random);
    const now = (): void => {
      if (fault.strike(world, host, random) === false) return;
      struck.set(fault.name, (struck.get(fault.name) ?? 0) + 1);
    };
    if (fault.quietMs !== undefined) {
      world.driver.peaceUntil = world.now + fault.quietMs;
      now();
      world.run(fault.quietMs);
    } else if (random.next() < inWaitShare) {
      const state = random.next() < 0.5 ? null : random.pick(roleStates);
      world.driver.lieInWait(world.hosts[host], state, random.between(0, 20), now);
    } else now();
  }
  world.driver.makePeace();
}

/** Everything heals and an operator asks for the module: it has to come back whole, and nothing may be gone. */
function end(world: World, random: Random): void {
  for (const fault of faults) for (const host of hosts) fault.heal?.(world, host);
  world.driver.slowStops = 0;
  world.run(settleMs);
  // A host that still stands still acts on what it was asked before, such as to end its agent, when it goes on.
  world.run(world.standsStillMs);
  for (const host of hosts) world.restartIfStopped(host);
  // As agents pass it on: to the host that serves the module. A host may just have been fenced once more.
  const serving = hosts.find((host) => world.hosts[host].core?.role.at === 'primary');
  world.operators.command(serving ?? hosts.find((host) => world.hosts[host].core !== null) ?? 'alpha', 'start');
  runUntilWhole(world, settleMs * 3);
  for (let turn = 0; turn < operatorTurns && !world.isWhole; turn += 1) {
    operatorActs(world, random);
    runUntilWhole(world, wholeWithinMs);
  }
  if (!world.isWhole) world.checker.fail(`not whole again, although every fault has ended: ${world.describe()}`);
  world.setIdle(false);
  const answered = world.acknowledged.size;
  world.run(answeredWithinMs);
  if (world.acknowledged.size === answered) {
    world.checker.fail(`no write is answered, although every fault has ended: ${world.describe()}`);
  }
  const lost = world.checker.destroyed();
  if (lost.length > 0) world.checker.fail(`${String(lost.length)} acknowledged writes are nowhere`);
}

function runUntilWhole(world: World, limitMs: number): void {
  for (let waited = 0; !world.isWhole && waited < limitMs; waited += 500) world.run(500);
}

/** Does what only an operator can do, on a host that waits for that. */
function operatorActs(world: World, random: Random): void {
  for (const host of hosts) {
    const { core } = world.hosts[host];
    const role = core?.role;
    if (role?.at !== 'waiting') continue;
    if (role.diverged !== null) world.operators.command(host, 'resolve', random.pick(hosts));
    else if (role.stuck) world.operators.command(host, 'force');
    else continue;
    return;
  }
}
