import type { Random } from '../../../simulation/random.ts';
import { describeTarget, drawAny, drawOfAll, type FaultKind, nothing } from './fault.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** As often of minutes as of days, milliseconds. */
function drawJump(chance: Random): number {
  const span = Math.exp(chance.between(Math.log(minuteMs), Math.log(5 * dayMs)));
  return Math.round(chance.next() < 0.5 ? -span : span);
}

function describeJump(ms: number): string {
  const minutes = Math.abs(ms) / minuteMs;
  const span = minutes < 90 ? `${Math.round(minutes)} min` : `${(minutes / 60).toFixed(1)} h`;
  return `${span} ${ms < 0 ? 'backwards' : 'forwards'}`;
}

/** The clock on the wall of one host, as its agent and all that it starts see it. */
export const clockFaults: readonly FaultKind[] = [
  {
    name: 'clock jump',
    movesNothing: true,
    draw: (chance) => {
      const target = drawOfAll(chance);
      const ms = drawJump(chance);
      const isSetBack = chance.next() < 0.5;
      return {
        title: `the clock of ${describeTarget(target)} jumps ${describeJump(ms)}${isSetBack ? ' and back' : ''}`,
        holdMs: drawAny(chance),
        begin: async (site) => {
          const host = site.host(site.hostOf(target));
          const jump = (by: number): Promise<void> => host.setClock((host.clockAheadMs ?? 0) + by);
          await jump(ms);
          return isSetBack ? () => jump(-ms) : nothing;
        },
      };
    },
  },
];
