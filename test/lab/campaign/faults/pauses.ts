import type { Random } from '../../../simulation/random.ts';
import { goOn } from '../standstill.ts';
import {
  describeTarget,
  drawAny,
  drawLong,
  drawOfAll,
  drawOfPair,
  drawShorter,
  type DrawnFault,
  type FaultKind,
  onHost,
} from './fault.ts';
import type { Target } from '../target.ts';

/** A guest that goes on after its host stood still is there until it is killed; what it writes is not acknowledged. */
const untilKilledMs = 1000;

function hostStandsStill(target: Target, holdMs: number, isLong: boolean): DrawnFault {
  return {
    title: `${describeTarget(target)} stands still`,
    holdMs,
    begin: (site) =>
      onHost(site, site.hostOf(target), async (host) => {
        site.cluster.view.drop(host.name);
        if (isLong) site.expectTwins(site.nameOf(host), untilKilledMs);
        await host.exec(['bash', '-c', 'kill -STOP -1']);
        return () => goOn(host, ['bash', '-c', 'kill -CONT -1']);
      }),
  };
}

function agentStandsStill(target: Target, holdMs: number, isLong: boolean): DrawnFault {
  return {
    title: `the agent of ${describeTarget(target)} stands still`,
    holdMs,
    begin: (site) =>
      onHost(site, site.hostOf(target), async (host) => {
        const pid = await host.agentPid();
        if (pid === null) return null;
        site.cluster.view.drop(host.name);
        // Its guest runs on without it, for as long as nobody ends the agent; none of what it writes is acknowledged.
        if (isLong) site.expectTwins(site.nameOf(host), holdMs + untilKilledMs);
        await host.exec(['kill', '-STOP', String(pid)]);
        return () => goOn(host, ['kill', '-CONT', String(pid)]);
      }),
  };
}

function mirrorStandsStill(target: Target, holdMs: number): DrawnFault {
  const process = `^understudy mirror ${target.module}`;
  return {
    title: `the mirror process of ${target.module} on its ${target.role} stands still`,
    holdMs,
    begin: (site) =>
      onHost(site, site.hostOf(target), async (host) => {
        if ((await host.exec(['pkill', '-STOP', '-f', process])).code !== 0) return null;
        return () => goOn(host, ['pkill', '-CONT', '-f', process]);
      }),
  };
}

const short = 'shorter than the detection time';
const long = 'longer than the detection time';

function both(
  what: string,
  drawTarget: (chance: Random) => Target,
  make: (target: Target, holdMs: number, isLong: boolean) => DrawnFault,
): readonly FaultKind[] {
  return [
    {
      name: `${what}, ${short}`,
      draw: (chance, detectionMs) => make(drawTarget(chance), drawShorter(chance, detectionMs), false),
    },
    { name: `${what}, ${long}`, draw: (chance) => make(drawTarget(chance), drawLong(chance), true) },
  ];
}

/** SIGSTOP, and SIGCONT later. */
export const pauseFaults: readonly FaultKind[] = [
  ...both('a host stands still', drawOfAll, hostStandsStill),
  ...both('an agent stands still', drawOfAll, agentStandsStill),
  ...both('a mirror process stands still', drawOfPair, mirrorStandsStill),
  {
    name: 'a member of etcd stands still',
    arbiter: 'etcd',
    draw: (chance) => {
      const target = drawOfAll(chance);
      return {
        title: `etcd on ${describeTarget(target)} stands still`,
        holdMs: drawAny(chance),
        begin: (site) =>
          onHost(site, site.hostOf(target), async (host) => {
            if ((await host.exec(['pkill', '-STOP', '-x', 'etcd'])).code !== 0) return null;
            return () => goOn(host, ['pkill', '-CONT', '-x', 'etcd']);
          }),
      };
    },
  },
];
