import type { ResolvedModule } from '../../schemas/defaults.ts';
import type { ArbiterRecord } from '../core/types.ts';
import { dependentsFirst } from './dependentsFirst.ts';

/** For so long at most what others depend on is served on while they start on their other hosts. */
const elsewhereLimitMs = 10_000;
const lookMs = 100;

interface LeavingSlot {
  readonly module: Pick<ResolvedModule, 'name' | 'dependsOn'>;
  readonly runtime: { readonly isPrimary: boolean; readonly core: { readonly record: ArbiterRecord | null } } | null;
}

/**
 * Leaves all modules, those first that depend on others. One that was handed over starts on its other host after that: what it depends on is
 * left when it runs there.
 * @param runsOn whether a host tells that it runs the module's server; null: nothing is heard of it
 */
export async function leaveInOrder<T extends LeavingSlot>(
  self: string,
  slots: readonly T[],
  leave: (slot: T) => Promise<void>,
  runsOn: (host: string, module: string) => boolean | null,
): Promise<void> {
  const served = slots.filter(({ runtime }) => runtime?.isPrimary).map(({ module }) => module.name);
  await dependentsFirst(slots, async (slot) => {
    const { name, dependsOn } = slot.module;
    await leave(slot);
    const to = slot.runtime?.core.record?.primary ?? self;
    const isAwaited = served.includes(name) && dependsOn.some((other) => served.includes(other));
    if (to === self || !isAwaited) return;
    const until = performance.now() + elsewhereLimitMs;
    while (runsOn(to, name) === false && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  });
}
