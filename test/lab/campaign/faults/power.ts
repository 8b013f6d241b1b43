import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../../simulation/random.ts';
import { describeTarget, drawAny, drawOfAll, type FaultKind } from './fault.ts';
import type { Target } from '../target.ts';

/** What the disk's cache held when the power went is there or not, by chance. */
const drawSeed = (chance: Random): number => Math.floor(chance.next() * 2 ** 31);

function powerLossOf(draw: (chance: Random) => Target): FaultKind['draw'] {
  return (chance) => {
    const target = draw(chance);
    const seed = drawSeed(chance);
    return {
      title: `power loss of ${describeTarget(target)}`,
      holdMs: drawAny(chance),
      begin: async (site) => {
        const name = site.hostOf(target);
        if (!site.host(name).isOn) return null;
        await site.powerLoss(name, seed);
        return () => site.powerOn(name);
      },
    };
  };
}

export const powerFaults: readonly FaultKind[] = [
  { name: 'power loss of one host', draw: powerLossOf(drawOfAll) },
  {
    name: 'power loss of both hosts',
    draw: (chance) => {
      const [seed, gapMs, backMs] = [drawSeed(chance), Math.round(chance.between(0, 1500)), chance.between(0, 6000)];
      const first = chance.pick(['alpha', 'beta'] as const);
      const back = chance.pick(['alpha', 'beta'] as const);
      return {
        title: `power loss of ${first}, of the other host ${gapMs} ms later, and ${back} is back first`,
        holdMs: drawAny(chance),
        begin: async (site) => {
          for (const name of [first, first === 'alpha' ? 'beta' : 'alpha'] as const) {
            if (site.host(name).isOn) await site.powerLoss(name, seed);
            if (name === first) await delay(gapMs);
          }
          return async () => {
            await site.powerOn(back);
            await delay(backMs);
            await site.powerOn(back === 'alpha' ? 'beta' : 'alpha');
          };
        },
      };
    },
  },
];
