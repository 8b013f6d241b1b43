import { describeTarget, drawLong, drawOfPair, type FaultKind, NotHere, onHost } from './fault.ts';

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
            const limited = await site.limits.limitProcessor(host, percent);
            if (limited === 'impossible') return new NotHere('no control group limits processor time');
            return limited === 'done' ? () => site.limits.lift(host) : null;
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
            const limited = await site.limits.limitMemory(host);
            if (limited === 'impossible') return new NotHere('no control group limits memory');
            if (limited === 'refused') return null;
            // The kernel may end a process to get memory, whichever it likes.
            site.expectEnd(host.name, 137);
            return () => site.limits.lift(host);
          }),
      };
    },
  },
];
