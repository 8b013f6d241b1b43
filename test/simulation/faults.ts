/** What befalls the world: a table of faults, each with what it does to a host and how often it comes. */
import { drawChange } from './fileChanges.ts';
import type { HostName } from './network.ts';
import { networks } from './network.ts';
import type { Random } from './random.ts';
import { writeSteps } from './recordDisk.ts';
import type { World } from './world.ts';

export interface Fault {
  readonly name: string;
  /** Share among those of a run. */
  readonly weight: number;
  /** False: there was nothing for it to befall. */
  readonly strike: (world: World, host: HostName, random: Random) => unknown;
  /** Ends what has no end of its own. */
  readonly heal?: (world: World, host: HostName) => void;
  /** Nothing else happens for so long afterwards. */
  readonly quietMs?: number;
  /** Only what is chosen for a run of its own kind: see plan.ts. */
  readonly isSpecial?: true;
  /** In some runs a few of these are there beside the others: a run without them is what it would be otherwise. */
  readonly isOnTop?: true;
  /** Of no effect without a witness. */
  readonly isOfWitness?: true;
  /** Of no effect where no host is fenced by command. */
  readonly isOfFencing?: true;
  /** Not where detection times are so short that another one would need other heartbeats. */
  readonly isOfDetection?: true;
}

const hosts: readonly HostName[] = ['alpha', 'beta'];
/** That files may say, milliseconds. */
export const detectionTimes: readonly number[] = [1500, 3000, 3000, 6000, 12_000];
/** Of clocks, as bad as they are allowed to be. */
const slowestRate = 0.8;
const fastestRate = 1.2;
/** By so much somebody may set a wall's clock wrongly. */
const wallClockMs = 48 * 3_600_000;

/** In which a primary has gone on without the other host. */
const awayMs = 2000;
/** In which a pair that nothing else befalls has been whole for long enough that nothing but the witness may matter to it. */
const steadyMs = 4000;
const flickerMs = 3000;
/** In which a witness that was restored hears from the primary. */
const heardMs = 5000;

const half = (random: Random): boolean => random.next() < 0.5;

function otherThan(host: HostName): HostName {
  return host === 'alpha' ? 'beta' : 'alpha';
}

function cutOff(world: World, host: HostName): void {
  world.setCut(host, otherThan(host), true);
  world.setCut(host, 'gamma', true);
}

/** Often when the secondary is in step and not counted as in sync yet: its primary's last word must not make it one that has everything. */
function killAgent(world: World, host: HostName, random: Random): boolean {
  if (random.next() < 0.7) return world.agentDies(host);
  world.driver.lieInWait(world.hosts[host], 'primary.committing', random.between(0, 30), () => world.agentDies(host));
  return true;
}

/**
 * In half of the cases the host is off meanwhile, and comes back when the other one fails: the copy may count it as in sync, and nothing but what
 * the primary told the witness in between keeps it from starting.
 */
function restoreWitness(world: World, host: HostName, random: Random): boolean {
  const isOff = half(random);
  if (isOff) {
    world.driver.peaceUntil = world.now + awayMs + 2 * heardMs;
    world.crash(host);
    world.run(awayMs);
  }
  const isRestored = restoreCopy(world, random);
  if (!isOff) return isRestored;
  world.run(heardMs);
  world.crash(otherThan(host));
  world.boot(host);
  return isRestored;
}

/** Of a question that is on its way when it goes nobody hears any more. */
function flicker(world: World, random: Random): void {
  world.driver.peaceUntil = world.now + steadyMs + flickerMs;
  world.run(steadyMs);
  for (const until = world.now + flickerMs; world.now < until;) {
    world.arbiter.isUp = !world.arbiter.isUp;
    world.run(random.between(50, 400));
  }
  world.arbiter.isUp = true;
}

/**
 * In some cases a host fails in that moment, so that something is to be written, and who was told of it fails afterwards. A witness whose program
 * was killed may have put in place what is not durable; so its host loses power in many cases when the program runs again.
 */
function strikeWriting(world: World, host: HostName, random: Random): void {
  const losesPower = half(random);
  const powerLost = (): void => {
    world.arbiter.isUp = false;
    world.later(random.between(100, 2000), () => (world.arbiter.isUp = true));
  };
  world.arbiter.witness.lieInWait({
    before: random.pick([...writeSteps, 'answer'] as const),
    losesPower,
    downMs: random.between(100, 2000),
    onUp: () => {
      if (!losesPower) world.later(random.between(500, 2000), powerLost);
    },
  });
  if (half(random)) return;
  world.crash(host);
  world.later(random.between(1000, 15_000), () => {
    world.crash(otherThan(host));
    world.boot(host);
  });
}

function restoreCopy(world: World, random: Random): boolean {
  // Two failures at once are not promised to be survived: whoever knows better has to be there.
  const knows = Object.values(world.hosts).some(
    (host) =>
      host.core?.role.at === 'primary' &&
      (host.core.role.link.kind === 'none' || host.core.role.link.kind === 'both') &&
      host.core.role.grant.epoch === world.checker.newestEpoch &&
      world.arbiter.reaches(host) &&
      Math.max(host.pausedUntil, host.awayUntil) <= world.now,
  );
  const { copies } = world.arbiter;
  if (!knows || !world.networks.isWhole || copies.length === 0) return false;
  world.arbiter.restore(random.pick(copies));
  return true;
}

export const faults: readonly Fault[] = [
  {
    name: 'power loss',
    weight: 12,
    strike: (world, host) => world.crash(host),
    heal: (world, host) => world.boot(host),
  },
  {
    name: 'check failed',
    weight: 4,
    strike: (world, host, random) => world.checkFails(host, random.pick(['restart', 'failover', 'wait', 'report'])),
  },
  {
    name: 'condition unmet',
    weight: 5,
    strike: (world, host, random) => world.conditions(host, half(random) ? null : 'the gateway does not answer'),
    heal: (world, host) => world.conditions(host, null),
  },
  {
    name: 'other modules',
    weight: 5,
    strike: (world, host, random) =>
      world.place(host, {
        barred: random.next() < 0.4 ? `${host} has no room` : null,
        waitsFor: random.next() < 0.4 ? 'db does not run yet' : null,
        avoids: half(random) ? `web2 runs on ${host}` : null,
      }),
    heal: (world, host) => world.place(host, {}),
  },
  {
    name: 'host drained',
    weight: 4,
    strike: (world, host, random) => world.operators.drain(host, half(random)),
    heal: (world, host) => world.operators.drain(host, false),
  },
  {
    name: 'maintenance',
    weight: 4,
    strike: (world, host, random) => world.operators.maintain(host, half(random) ? null : random.between(1000, 30_000)),
    heal: (world, host) => world.operators.maintain(host, null),
  },
  { name: 'agent killed', weight: 7, strike: killAgent },
  {
    name: 'cut between the hosts',
    weight: 10,
    strike: (world, _, random) => world.setCut('alpha', 'beta', half(random)),
    heal: (world) => world.setCut('alpha', 'beta', false),
  },
  {
    name: 'cut of one network',
    weight: 6,
    strike: (world, _, random) => world.setCut('alpha', 'beta', half(random), { network: random.pick(networks) }),
  },
  {
    name: 'one-way cut',
    weight: 8,
    strike: (world, host, random) => world.setCut(host, otherThan(host), half(random), { oneWay: true }),
  },
  {
    name: 'cut from the witness',
    isOfWitness: true,
    weight: 8,
    strike: (world, host, random) => world.setCut(host, 'gamma', half(random), { oneWay: random.next() < 0.3 }),
    heal: (world, host) => world.setCut(host, 'gamma', false),
  },
  {
    name: 'cut from everything',
    weight: 8,
    strike: cutOff,
  },
  {
    name: 'hears late, then is not heard',
    weight: 8,
    strike: (world, host, random) => {
      // With busy guests the secondary would be given up for its late acknowledgements.
      world.setIdle(true);
      const trouble = { loss: 0, delayMs: random.between(300, 2000), towards: host };
      for (const network of networks) world.setTrouble(network, trouble);
      world.later(random.between(1000, 4000), () => {
        world.setCut(host, otherThan(host), true, { oneWay: true });
        world.setCut(host, 'gamma', true);
      });
    },
  },
  {
    name: 'witness crashed',
    isOfWitness: true,
    weight: 5,
    strike: (world, _, random) => {
      const wasUp = world.arbiter.isUp;
      world.arbiter.isUp = half(random);
      return wasUp !== world.arbiter.isUp;
    },
    heal: (world) => (world.arbiter.isUp = true),
  },
  {
    name: 'witness ends while it writes',
    isOnTop: true,
    isOfWitness: true,
    weight: 6,
    strike: strikeWriting,
    heal: (world) => {
      world.arbiter.witness.lieInWait(null);
      world.arbiter.isUp = true;
    },
  },
  {
    name: 'disk of the witness takes nothing',
    isOnTop: true,
    isOfWitness: true,
    weight: 4,
    strike: (world, _, random) => {
      world.arbiter.witness.refuses = random.pick(writeSteps);
      world.later(random.between(500, 5000), () => (world.arbiter.witness.refuses = null));
    },
    heal: (world) => (world.arbiter.witness.refuses = null),
  },
  {
    name: 'witness comes and goes, and nothing else happens',
    isOfWitness: true,
    weight: 4,
    strike: (world, _, random) => flicker(world, random),
    quietMs: 500,
  },
  { name: 'witness wiped', weight: 4, strike: (world) => world.arbiter.wipe(), isOfWitness: true },
  {
    name: 'witness restored from an old copy',
    weight: 10,
    strike: restoreWitness,
    quietMs: heardMs,
    isOfWitness: true,
  },
  { name: 'stand-still', weight: 8, strike: (world, host, random) => world.pause(host, random.between(100, 8000)) },
  {
    name: 'clock at another rate',
    weight: 4,
    strike: (world, host, random) =>
      world.setClockRate(host, random.pick([slowestRate, fastestRate, random.between(slowestRate, fastestRate)])),
    heal: (world, host) => world.setClockRate(host, 1),
  },
  {
    name: 'clocks at opposite rates',
    weight: 4,
    strike: (world, host) => {
      world.setClockRate(host, slowestRate);
      world.setClockRate(otherThan(host), fastestRate);
    },
    heal: (world, host) => world.setClockRate(host, 1),
  },
  {
    name: 'clock on the wall set',
    weight: 3,
    strike: (world, host, random) => world.setWallClock(host, random.pick([-1, 0, 1]) * random.between(0, wallClockMs)),
  },
  {
    name: 'another detection time on one host',
    isOfDetection: true,
    weight: 4,
    strike: (world, host, random) => {
      world.setDetection(host, random.pick(detectionTimes));
      if (half(random)) return;
      world.agentDies(host);
      world.boot(host);
    },
  },
  {
    name: 'messages twice',
    weight: 6,
    strike: (world, _, random) => {
      const trouble = {
        loss: random.pick([0, 0.2]),
        delayMs: random.pick([0, 200, 1000]),
        doubled: random.pick([0.2, 0.8]),
      };
      for (const network of half(random) ? networks : [random.pick(networks)]) world.setTrouble(network, trouble);
    },
    heal: (world) => networks.forEach((network) => world.setTrouble(network)),
  },
  {
    name: 'messages lost or late',
    weight: 8,
    strike: (world, _, random) => {
      const trouble = { loss: random.pick([0, 0.1, 0.4]), delayMs: random.pick([0, 200, 1000, 2500]) };
      for (const network of half(random) ? networks : [random.pick(networks)]) world.setTrouble(network, trouble);
    },
    heal: (world) => networks.forEach((network) => world.setTrouble(network)),
  },
  {
    name: 'slow disk',
    weight: 5,
    strike: (world, host, random) => world.setDiskSlow(host, random.pick([0, 50, 700, 2000])),
    heal: (world, host) => world.setDiskSlow(host, 0),
  },
  { name: 'backup made', weight: 4, strike: (world, host) => world.makeBackup(host) },
  {
    name: 'another disk, empty or from a backup',
    weight: 5,
    strike: (world, host, random) => world.replaceDisk(host, half(random)),
    quietMs: 3000,
  },
  { name: 'disk fails', weight: 4, strike: (world, host) => world.diskFails(host) },
  {
    name: 'disk takes nothing',
    weight: 5,
    strike: (world, host, random) => world.diskRefuses(host, random.between(100, 4000)),
    heal: (world, host) => world.diskRefuses(host, 0),
  },
  {
    name: 'disk full',
    weight: 3,
    strike: (world, host, random) => world.setDiskFull(host, half(random)),
    heal: (world, host) => world.setDiskFull(host, false),
  },
  { name: 'mirror process ends', weight: 4, strike: (world, host) => world.mirrorDies(host) },
  { name: 'guest dies', weight: 5, strike: (world, host) => world.guestDies(host) },
  {
    name: 'image missing',
    weight: 1,
    strike: (world, _, random) => {
      const wasMissing = world.driver.imageMissing;
      world.driver.imageMissing = half(random);
      return wasMissing !== world.driver.imageMissing;
    },
    heal: (world) => (world.driver.imageMissing = false),
  },
  {
    name: 'power switch does not answer',
    weight: 6,
    strike: (world) => world.setFenceDevice({ isDead: true }),
    heal: (world) => world.setFenceDevice({ isDead: false }),
    isOfFencing: true,
  },
  {
    name: 'stands still, and the power switch does not answer',
    weight: 6,
    strike: (world, host, random) => {
      world.setFenceDevice({ isDead: true });
      world.pause(host, random.between(4000, 9000));
      world.later(15_000, () => world.setFenceDevice({ isDead: false }));
    },
    heal: (world) => world.setFenceDevice({ isDead: false }),
    isOfFencing: true,
  },
  {
    name: 'stands still, and who fences it crashes',
    weight: 4,
    strike: (world, host, random) => {
      const other = otherThan(host);
      world.pause(host, random.between(9000, 18_000));
      world.driver.lieInWait(world.hosts[other], 'fencingPeer', random.between(0, 20), () => {
        world.setFenceDevice({ slowMs: 5000 });
        world.crash(other);
        world.later(500, () => world.boot(other));
      });
    },
    isOfFencing: true,
  },
  {
    name: 'power switch slow',
    weight: 4,
    strike: (world, _, random) => world.setFenceDevice({ slowMs: random.pick([0, 1000, 5000]) }),
    heal: (world) => world.setFenceDevice({ slowMs: 0 }),
    isOfFencing: true,
  },
  { name: 'command switchover', weight: 6, strike: (world, host) => world.operators.command(host, 'switchover') },
  {
    name: 'moved, and cut from everything while its server stops',
    weight: 6,
    strike: (world, host, random) => {
      world.later(random.between(100, 3000), () => cutOff(world, host));
      return world.operators.command(host, 'switchover');
    },
  },
  { name: 'command stop', weight: 3, strike: (world, host) => world.operators.command(host, 'stop') },
  { name: 'command repair', weight: 2, strike: (world, host) => world.operators.command(host, 'repair') },
  { name: 'agent stopped in order', weight: 2, strike: (world, host) => world.operators.command(host, 'shutdown') },
  {
    name: 'agent upgraded',
    weight: 8,
    strike: (world, host, random) => world.upgrade(host, random.between(300, 10_000)),
  },
  {
    name: 'agent upgraded to another version',
    weight: 4,
    strike: (world, host, random) => world.upgrade(host, random.between(300, 3000), 2),
    heal: (world, host) => world.upgradeAtOnce(host, 2),
  },
  {
    name: 'witness upgraded to another version',
    isOfWitness: true,
    weight: 2,
    strike: (world) => world.upgradeWitness(2),
    heal: (world) => world.upgradeWitness(2),
  },
  {
    name: 'detection time changed on one host',
    isOfDetection: true,
    weight: 6,
    strike: (world, host, random) => world.changeDetection(host, random.pick(detectionTimes)),
  },
  {
    name: 'detection time changed on both hosts',
    isOfDetection: true,
    weight: 6,
    strike: (world, host, random) => {
      const detectionMs = random.pick(detectionTimes);
      world.changeDetection(host, detectionMs);
      world.later(random.between(0, 3000), () => world.changeDetection(otherThan(host), detectionMs));
    },
  },
  {
    name: 'files changed on one host',
    isOnTop: true,
    weight: 8,
    strike: (world, host, random) => world.changeFiles(host, drawChange(random)),
    heal: (world, host) => world.changeFiles(host, null),
  },
  {
    name: 'files changed on both hosts, one after the other',
    isOnTop: true,
    weight: 8,
    strike: (world, host, random) => {
      const settings = drawChange(random);
      world.changeFiles(host, settings);
      world.later(random.between(0, 3000), () => world.changeFiles(otherThan(host), settings));
    },
    heal: (world, host) => world.changeFiles(host, null),
  },
  {
    name: 'cut off, and files changed meanwhile',
    isOnTop: true,
    weight: 6,
    strike: (world, host, random) => {
      cutOff(world, host);
      world.later(random.between(500, 3000), () => world.changeFiles(host, drawChange(random)));
    },
    heal: (world, host) => world.changeFiles(host, null),
  },
  {
    name: 'detection time shortened, and cut off before that is heard',
    isOfDetection: true,
    weight: 6,
    strike: (world, host, random) => {
      // With busy guests the secondary would be missed for its acknowledgements.
      world.setIdle(true);
      for (const each of hosts) world.changeDetection(each, 6000);
      world.later(2000, () => {
        world.changeDetection(otherThan(host), 1500);
        cutOff(world, host);
        world.later(random.between(1000, 8000), () => world.changeDetection(host, 1500));
      });
    },
  },
  {
    name: 'command force',
    weight: 6,
    strike: (world, host) => world.operators.command(host, 'force'),
    isSpecial: true,
  },
  {
    name: 'command resolve',
    weight: 10,
    strike: (world, host, random) => world.operators.command(host, 'resolve', random.pick(hosts)),
    isSpecial: true,
  },
];
