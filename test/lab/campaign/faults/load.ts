import { describeTarget, drawLong, drawOfPair, type FaultKind, onHost } from './fault.ts';

/** A host that is overloaded: by its control group, so that it is this host alone. */
export const loadFaults: readonly FaultKind[] = [
  {
    name: 'too little processor time',
    draw: (chance) => {
      const target = drawOfPair(chance);
      const percent = chance.pick([10, 20, 40]);
      return {
        title: `${describeTarget(target)} has ${percent} % of a processor`,
        holdMs: drawLong(chance),
        begin: (site) =>
          onHost(site, site.hostOf(target), async (host) => {
            if (!(await site.limits.limitProcessor(host, percent))) return null;
            return () => site.limits.lift(host);
          }),
      };
    },
  },
  {
    name: 'memory pressure',
    draw: (chance) => {
      const target = drawOfPair(chance);
      return {
        title: `${describeTarget(target)} has hardly any memory left`,
        holdMs: drawLong(chance),
        begin: (site) =>
          onHost(site, site.hostOf(target), async (host) => {
            if (!(await site.limits.limitMemory(host))) return null;
            // The kernel may end a process to get memory, whichever it likes.
            site.expectEnd(host.name, 137);
            return () => site.limits.lift(host);
          }),
      };
    },
  },
];
