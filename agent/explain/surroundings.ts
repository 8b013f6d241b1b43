import type { CoreEvent } from '../core/types.ts';
import type { Clock } from './clock.ts';
import type { Host } from './host.ts';
import type { Ledger } from './ledger.ts';
import type { Networks } from './network.ts';
import type { Pace } from './pace.ts';
import type { Trace } from './trace.ts';

/** What the parts of the world share. */
export interface Surroundings {
  readonly module: string;
  readonly serverKind: 'qemu' | 'scripts';
  /** How often a script looks whether the server is alive, milliseconds; null: none does. QEMU is seen to end. */
  readonly aliveEveryMs: number | null;
  readonly acknowledgeTimeoutMs: number;
  readonly clock: Clock;
  readonly pace: Pace;
  readonly networks: Networks;
  /** In order of preference. */
  readonly hosts: readonly [Host, Host];
  readonly ledger: Ledger;
  readonly trace: Trace;
  /** The failover core of the host hears of it. */
  readonly feed: (host: Host, event: CoreEvent) => void;
}

export function otherThan({ hosts }: Pick<Surroundings, 'hosts'>, host: Host): Host {
  return hosts[0] === host ? hosts[1] : hosts[0];
}

/** In this life of the host only; one that stands still does it when it goes on. */
export function later(world: Pick<Surroundings, 'clock'>, host: Host, ms: number, run: () => void): void {
  const { clock } = world;
  const { life } = host;
  clock.after(ms, () => {
    if (host.life !== life) return;
    if (host.standsStill(clock.now)) later(world, host, host.pausedUntil - clock.now, run);
    else run();
  });
}
