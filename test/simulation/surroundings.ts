import type { CoreEvent } from '../../agent/core/types.ts';
import type { Checker } from './checker.ts';
import type { Clock } from './clock.ts';
import type { Costs } from './costs.ts';
import type { Host } from './host.ts';
import type { HostName, Networks } from './network.ts';
import type { Random } from './random.ts';

/** What the parts of the world share. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly networks: Networks;
  readonly hosts: Readonly<Record<HostName, Host>>;
  readonly checker: Checker;
  readonly costs: Costs;
  /** The failover core of the host hears of it. */
  readonly feed: (host: Host, event: CoreEvent) => void;
  readonly trace: (line: string) => void;
}

export function otherThan({ hosts }: Surroundings, { name }: Host): Host {
  return hosts[name === 'alpha' ? 'beta' : 'alpha'];
}

/** Not in the same moment: whatever is at hand is done first. */
export function feedSoon(world: Surroundings, host: Host, event: CoreEvent): void {
  const { life } = host;
  world.clock.after(1, () => {
    if (host.life === life) world.feed(host, event);
  });
}
