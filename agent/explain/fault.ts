import type { ResolvedCluster, ResolvedModule } from '../../schemas/defaults.ts';
import type { FaultName } from '../../schemas/explain.ts';
import { formatDuration } from '../../schemas/units.ts';
import type { Phase } from './observed.ts';
import type { World } from './world.ts';

/** A failback that takes longer is told by the core's plan alone. */
const longestFailbackMs = 1_200_000;

/** Something that is brought about, and what follows from it until all is calm. */
export interface FaultStep {
  /** "alpha loses power". */
  readonly says: string;
  readonly as: Phase['as'];
  readonly act: (world: World) => void;
  /** Whom it befalls; not there: no host alone. */
  readonly host?: string;
  /** Left out when it makes no sense any more. */
  readonly when?: (world: World) => boolean;
  /** How long nothing has to have happened until it counts as calm, and how long that is waited for; milliseconds. */
  readonly time?: { readonly calmMs?: number; readonly atMostMs?: number };
}

/** A story that begins with a fault. */
export interface Fault {
  readonly name: FaultName;
  /** Null: no host alone. */
  readonly host: string | null;
  readonly subject: string | null;
  readonly title: string;
  /** The pair is whole and runs on its preferred host; or both hosts are off. */
  readonly from: 'whole' | 'off';
  /** What happens every so often that the fault comes in between; not there: heartbeats. Milliseconds. */
  readonly everyMs?: number;
  readonly steps: readonly FaultStep[];
}

/** What the faults are about. */
export interface Stage {
  readonly module: ResolvedModule;
  readonly cluster: ResolvedCluster;
  /** The module's name, its preferred host, which is primary when the fault comes, and the other one. */
  readonly name: string;
  readonly primary: string;
  readonly secondary: string;
  /** What people call the arbiter; null: there is none. */
  readonly arbiter: string | null;
}

/** A fault that needs no more than its steps. */
export function fault(
  name: FaultName,
  host: string | null,
  title: string,
  steps: readonly FaultStep[],
  more: Partial<Pick<Fault, 'from' | 'everyMs' | 'subject'>> = {},
): Fault {
  return { name, host, subject: null, title, from: 'whole', steps, ...more };
}

/** The module went where it is not preferred, and goes back by itself when the pair has been whole for so long. */
export function goingBack({ module }: Stage): readonly FaultStep[] {
  const { failbackAfterMs } = module.failover;
  if (failbackAfterMs > longestFailbackMs) return [];
  return [
    {
      says: `the pair has been whole for ${formatDuration(failbackAfterMs)}`,
      as: 'end',
      act: () => undefined,
      when: ({ failback }) => failback !== null && failback.dueAt !== null && failback.waitsFor === null,
      time: { calmMs: failbackAfterMs + 30_000, atMostMs: failbackAfterMs + 150_000 },
    },
  ];
}

/** "alpha (primary)". */
export function roleOf({ primary }: Stage, host: string): string {
  return `${host} (${host === primary ? 'primary' : 'secondary'})`;
}
