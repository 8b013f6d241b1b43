import { forceCommand } from '../core/forceAdvice.ts';
import { fault, goingBack, roleOf, type Fault, type FaultStep, type Stage } from './fault.ts';

/** Hosts that lose power, stand still, or whose agent or disk fails. */
export function faultsOfHosts(stage: Stage): readonly Fault[] {
  const { primary, secondary } = stage;
  return [
    powerLoss(stage, primary),
    powerLoss(stage, secondary),
    powerLossOfBoth(stage, primary),
    powerLossOfBoth(stage, secondary),
    oneAfterTheOther(stage),
    agentKilled(stage, primary),
    agentKilled(stage, secondary),
    stall(stage),
    diskError(stage, primary),
    diskError(stage, secondary),
  ];
}

function powerLoss(stage: Stage, host: string): Fault {
  const { primary } = stage;
  const isOfPrimary = host === primary;
  return fault('power-loss', host, `${roleOf(stage, host)} loses power`, [
    { says: `${host} loses power`, as: 'fault', host, act: (world) => world.powerOff(host) },
    ...(isOfPrimary ? [forcedWhenDown(stage)] : []),
    { says: `${host} returns`, as: 'end', host, act: (world) => world.boot(host) },
    ...(isOfPrimary ? goingBack(stage) : []),
  ]);
}

/** Where nothing starts by itself an operator who knows that the other host is off may start it. */
function forcedWhenDown({ name, primary, secondary }: Stage): FaultStep {
  return {
    says: `an operator who is certain that ${primary} is off starts it on ${secondary} by force (${forceCommand(name, secondary)})`,
    as: 'operator',
    host: secondary,
    act: (world) => world.command(secondary, 'force'),
    when: (world) => world.runsOn.length === 0,
  };
}

function powerLossOfBoth({ primary, secondary, ...stage }: Stage, first: string): Fault {
  const second = first === primary ? secondary : primary;
  const role = first === primary ? 'primary' : 'secondary';
  return fault('power-loss-of-both', first, `both hosts lose power, and ${first} (${role}) returns first`, [
    {
      says: 'both hosts lose power at the same time',
      as: 'fault',
      act: (world) => [primary, secondary].forEach((host) => world.powerOff(host)),
    },
    { says: `${first} returns first`, as: 'end', host: first, act: (world) => world.boot(first) },
    { says: `${second} returns, too`, as: 'end', host: second, act: (world) => world.boot(second) },
    ...(first === secondary ? goingBack({ primary, secondary, ...stage }) : []),
  ]);
}

function oneAfterTheOther({ name, primary, secondary }: Stage): Fault {
  const title = `${secondary} (secondary) loses power, then ${primary} (primary), and only ${secondary} returns`;
  return fault('secondary-then-primary', secondary, title, [
    { says: `${secondary} loses power`, as: 'fault', host: secondary, act: (world) => world.powerOff(secondary) },
    {
      says: `${primary} loses power after that, and only ${secondary} returns`,
      as: 'then',
      host: primary,
      act: (world) => {
        world.powerOff(primary);
        world.boot(secondary);
      },
    },
    {
      says: `an operator starts it there all the same (${forceCommand(name, secondary)})`,
      as: 'operator',
      host: secondary,
      act: (world) => world.command(secondary, 'force'),
      when: (world) => world.runsOn.length === 0,
    },
    { says: `${primary} returns after that`, as: 'end', host: primary, act: (world) => world.boot(primary) },
  ]);
}

function agentKilled(stage: Stage, host: string): Fault {
  return fault('agent-killed', host, `the agent of ${roleOf(stage, host)} is killed`, [
    { says: `the agent of ${host} is killed`, as: 'fault', host, act: (world) => world.agentDies(host) },
  ]);
}

/** Long enough that it is missed. */
function stall(stage: Stage): Fault {
  const { primary, module } = stage;
  const forMs = 2 * module.failover.detectionMs + 1000;
  const forText = `${(forMs / 1000).toFixed(1)} s`;
  return fault('stall', primary, `${roleOf(stage, primary)} stands still for ${forText}`, [
    {
      says: `${primary} stands still for ${forText} and then goes on`,
      as: 'fault',
      host: primary,
      act: (world) => world.pause(primary, forMs),
      time: { calmMs: forMs + 2 * module.failover.detectionMs + 9000 },
    },
  ]);
}

function diskError(stage: Stage, host: string): Fault {
  return fault('disk-error', host, `the disk of ${roleOf(stage, host)} fails`, [
    {
      says: `the disk of ${host} fails (it cannot make durable what it had taken)`,
      as: 'fault',
      host,
      act: (world) => world.setDiskBad(host, true),
      time: { atMostMs: 90_000 },
    },
    {
      says: `the disk of ${host} is sound again`,
      as: 'end',
      host,
      act: (world) => world.setDiskBad(host, false),
      // Tried again at growing intervals.
      time: { calmMs: 45_000, atMostMs: 150_000 },
    },
  ]);
}
