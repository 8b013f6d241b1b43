import type { ModuleConfig } from '../../agent/core/types.ts';
import type { Random } from './random.ts';

const half = (random: Random): boolean => random.next() < 0.5;

/** What of the files may be another thing while the module runs, beside the detection time. */
const changes: readonly ((random: Random) => Partial<ModuleConfig>)[] = [
  (random) => ({ automatic: half(random) }),
  (random) => ({ onDiskError: random.pick(['switchover', 'report']) }),
  (random) => ({ restarts: random.pick([0, 1, 3]) }),
  (random) => ({ maxFailovers: random.pick([1, 2, 1000]) }),
  (random) => ({
    failback: random.pick(['automatic', 'automatic', 'manual']),
    failbackAfterMs: random.pick([500, 3000, 20_000]),
  }),
  (random) => ({ fencePeer: random.pick(['never', 'continue', 'wait']) }),
  (random) => ({ conditionsSettleMs: random.pick([0, 1000, 15_000]) }),
];

export function drawChange(random: Random): Partial<ModuleConfig> {
  return random.pick(changes)(random);
}
