import { describeTarget, drawAny, drawOfPair, type FaultKind, onHost } from './fault.ts';

export const diskFaults: readonly FaultKind[] = [
  {
    name: 'disk full',
    draw: (chance) => {
      const target = drawOfPair(chance);
      return {
        title: `disk full on ${describeTarget(target)}`,
        holdMs: drawAny(chance),
        begin: (site) =>
          onHost(site, site.hostOf(target), async (host) => {
            await site.disks.fill(host);
            return () => site.disks.makeRoom(host);
          }),
      };
    },
  },
  {
    name: 'slow disk',
    draw: (chance) => {
      const target = drawOfPair(chance);
      const ms = chance.pick([5, 20, 60]);
      return {
        title: `disk of ${describeTarget(target)} slow, ${ms} ms for each write and flush`,
        holdMs: drawAny(chance),
        begin: (site) =>
          onHost(site, site.hostOf(target), async (host) => {
            await site.disks.slow(host, ms);
            return () => site.disks.slow(host, 0);
          }),
      };
    },
  },
  {
    name: 'disk errors',
    draw: (chance) => {
      const target = drawOfPair(chance);
      return {
        title: `disk of ${describeTarget(target)} gives errors (EIO)`,
        holdMs: drawAny(chance),
        begin: (site) =>
          onHost(site, site.hostOf(target), async (host) => {
            if (!(await site.disks.fail(host))) return null;
            return () => site.disks.mend(host);
          }),
      };
    },
  },
];
