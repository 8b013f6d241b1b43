import type { Random } from '../../../simulation/random.ts';
import type { LabHost } from '../../harness/host.ts';
import type { HostName } from '../../harness/lab.ts';
import type { Site } from '../site.ts';
import { everyProcess, goOn, standStill } from '../standstill.ts';
import {
  type Cure,
  describeTarget,
  drawAny,
  drawLong,
  drawModule,
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

/** From now on; what ends it waits until it has ended by itself, on time. */
function begun(host: LabHost, ms: number, signal: (name: 'STOP' | 'CONT') => string): Cure {
  const ended = standStill(host, ms, signal);
  ended.catch(() => undefined);
  return () => ended;
}

function hostStandsStill(target: Target, holdMs: number, isLong: boolean): DrawnFault {
  return {
    title: `${describeTarget(target)} stands still`,
    holdMs,
    begin: (site) =>
      onHost(site, site.hostOf(target), (host) => {
        site.cluster.view.drop(host.name);
        if (isLong) site.expectTwins(site.nameOf(host), untilKilledMs);
        return Promise.resolve(begun(host, holdMs, everyProcess));
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
        return begun(host, holdMs, (signal) => `kill -${signal} ${pid}`);
      }),
  };
}

/** All processes of a host whose command line fits, by an expression that does not fit to the shell that looks for them. */
function processesStandStill(
  expression: string,
  holdMs: number,
  hostOf: (site: Site) => HostName,
): DrawnFault['begin'] {
  return (site) =>
    onHost(site, hostOf(site), async (host) => {
      if ((await host.exec(['pgrep', '-f', expression])).code !== 0) return null;
      return begun(host, holdMs, (signal) => `pkill -${signal} -f '${expression}'`);
    });
}

function mirrorStandsStill(target: Target, holdMs: number): DrawnFault {
  return {
    title: `the mirror process of ${target.module} on its ${target.role} stands still`,
    holdMs,
    begin: processesStandStill(`^understudy mirror ${target.module}`, holdMs, (site) => site.hostOf(target)),
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
      movesNothing: true,
      draw: (chance, detectionMs) => make(drawTarget(chance), drawShorter(chance, detectionMs), false),
    },
    { name: `${what}, ${long}`, draw: (chance) => make(drawTarget(chance), drawLong(chance), true) },
  ];
}

/** SIGSTOP, and SIGCONT later, by the host's own clock. */
export const pauseFaults: readonly FaultKind[] = [
  ...both('a host stands still', drawOfAll, hostStandsStill),
  ...both('an agent stands still', drawOfAll, agentStandsStill),
  ...both('a mirror process stands still', drawOfPair, mirrorStandsStill),
  {
    name: 'a virtual server stands still',
    draw: (chance) => {
      const module = drawModule(chance);
      const holdMs = drawAny(chance);
      const guest = `^[^ ]*qemu-system[^ ]* .*guest=understudy-${module}( |$)`;
      const host = (site: Site): HostName => site.hostOf({ role: 'primary', module });
      return {
        title: `the virtual server of ${module} stands still`,
        holdMs,
        begin: processesStandStill(guest, holdMs, host),
      };
    },
  },
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
